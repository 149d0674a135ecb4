package owner

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

func benchDigest(i int) fingerprint.Digest {
	return fingerprint.DigestFromSum(sha256.Sum256(fmt.Appendf(nil, "dummy-token-%d", i)))
}

// million is a directory as an identity provider gives it.
func million(b *testing.B, n int) *table {
	b.Helper()
	rows := newBuilder()
	for i := range n {
		err := rows.add(&Row{
			Digest: benchDigest(i), HasDigest: true,
			OwnerID: fmt.Sprint("user-", i/3), OwnerType: "user", OwnerName: fmt.Sprint("Some Body ", i/3), OwnerTeam: "payments",
			OwnerContact: fmt.Sprintf("some.body.%d@example.com", i/3), TokenID: fmt.Sprint(i), TokenName: fmt.Sprint("deploy key ", i),
			TokenScopes: []string{"orders.read", "orders.write"}, CreatedAt: loaded, ExpiresAt: loaded.AddDate(1, 0, 0),
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	t, err := rows.finish(nil)
	if err != nil {
		b.Fatal(err)
	}
	return t
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkMillionRows prints what a directory at its limit takes: memory, the time to index it, a look-up by Zipf
// keys, of which many are not in the processor's cache, and the time to take in 1000 changes.
func BenchmarkMillionRows(b *testing.B) {
	ring := loadRing(b, newRing(b))
	before := heap()
	start := time.Now()
	t := million(b, MaxRows)
	x := NewIndex((&Directory{}).whole(t, loaded), ring)
	took := time.Since(start)
	perRow := float64(heap()-before) / MaxRows

	const n = 1 << 16
	z := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 1, MaxRows-1)
	zipf, cold := make([]string, n), make([]string, n)
	for i := range n {
		zipf[i] = ring.Stamp(fingerprint.Credential, benchDigest(int(z.Uint64()))).String()
		cold[i] = ring.Stamp(fingerprint.Credential, benchDigest(i*7919%MaxRows)).String()
	}
	run := func(name string, keys []string, mask int) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				var f Facts
				if !x.ByText(keys[i&mask], loaded, &f) {
					b.Fatal("not found")
				}
			}
			b.ReportMetric(perRow, "B/row")
			b.ReportMetric(took.Seconds(), "s-to-build")
		})
	}
	run("warm", cold, 255)
	run("zipf", zipf, n-1)
	run("cold", cold, n-1)
	b.Run("changes", func(b *testing.B) {
		news := million(b, 1000)
		d := (&Directory{}).whole(t, loaded)
		for b.Loop() {
			changed, err := d.changed(news, loaded)
			if err != nil {
				b.Fatal(err)
			}
			changed.index(ring, x)
		}
	})
}
