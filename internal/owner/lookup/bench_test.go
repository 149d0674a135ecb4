package lookup

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/keytrail/keytrail/internal/owner"
)

// warm returns a cache that knows n tokens, and their keys.
func warm(t testing.TB, n int) (*Cache, []*owner.Keys) {
	f := &fakeSource{reply: owned("svc-orders")}
	c, err := New(f, Options{MaxBytes: 1 << 30, TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	keys := make([]*owner.Keys, n)
	row := rowOf("svc-orders")
	for i := range keys {
		keys[i] = token(i)
		x, _ := c.keyer.key(keys[i])
		c.entries.Set(x, &entry{row: row, until: time.Hour})
	}
	return c, keys
}

func TestAHitDoesNotAllocate(t *testing.T) {
	c, keys := warm(t, 1000)
	i := 0
	allocs := testing.AllocsPerRun(10_000, func() {
		if row, state := c.Get(keys[i%1000], true); row == nil || state != Known {
			t.Fatal(state)
		}
		i++
	})
	if allocs != 0 {
		t.Fatalf("%v allocations", allocs)
	}
}

func BenchmarkHit(b *testing.B) {
	c, keys := warm(b, 100_000)
	order := zipf(len(keys))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c.Get(keys[order[i&(1<<16-1)]], true)
		i++
	}
}

func BenchmarkHitParallel(b *testing.B) {
	c, keys := warm(b, 100_000)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for i := 0; p.Next(); i++ {
			c.Get(keys[i%1000], true)
		}
	})
}

// A token that is refused everywhere and known nowhere: what an attacker can send most of.
func BenchmarkRefusedMiss(b *testing.B) {
	c, _ := warm(b, 1)
	keys := make([]*owner.Keys, 1<<16)
	for i := range keys {
		keys[i] = token(-1 - i)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c.Get(keys[i&(1<<16-1)], false)
		i++
	}
}

// A flood of new tokens with a full queue.
func BenchmarkDroppedMiss(b *testing.B) {
	stuck := &fakeSource{delay: time.Hour, reply: unknown}
	c, err := New(stuck, Options{Queue: 1, Timeout: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	keys := make([]*owner.Keys, 1<<16)
	for i := range keys {
		keys[i] = token(i)
		c.Get(keys[i], true)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c.Get(keys[i&(1<<16-1)], true)
		i++
	}
}

// The peer of the hits: the same keys in a map that is never bounded, never old and not safe to write.
func BenchmarkPlainMap(b *testing.B) {
	_, keys := warm(b, 100_000)
	row := rowOf("svc-orders")
	m := make(map[string]*owner.Row, len(keys))
	for _, k := range keys {
		m[k.Fingerprint] = row
	}
	order := zipf(len(keys))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if m[keys[order[i&(1<<16-1)]].Fingerprint] == nil {
			b.Fatal("lost")
		}
		i++
	}
}

// zipf draws from n keys as APIs draw from their tokens.
func zipf(n int) []uint32 {
	z := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 1, uint64(n-1))
	order := make([]uint32, 1<<16)
	for i := range order {
		order[i] = uint32(z.Uint64())
	}
	return order
}
