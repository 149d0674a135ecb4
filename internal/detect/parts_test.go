package detect

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

func mustID(s string) fingerprint.ID {
	id, err := fingerprint.ParseID(s)
	if err != nil {
		panic(err)
	}
	return id
}

func TestTemplate(t *testing.T) {
	f := func(path string, n int, want string) {
		t.Helper()
		require.Equal(t, want, template(path, n))
	}
	f("/v1/orders", 8, "/v1/orders")
	f("/v1/orders/42", 8, "/v1/orders/{id}")
	f("/v1/orders/42?x=1", 2, "/v1/orders")
	f("/v1/orders/3f2b8c1e-0000-4000-8000-0000000000a1/items", 8, "/v1/orders/{id}/items")
	f("/v1/orders/deadbeef01", 8, "/v1/orders/{id}")
	f("/v2/users/ab12", 8, "/v2/users/ab12")
	f("/oauth2/authorize", 8, "/oauth2/authorize")
	f("/files/report2026q4final", 8, "/files/{id}")
	f("/a/b/c", 2, "/a/b")
	f("", 8, "")
	f("/", 8, "/")
}

// The tail agrees with the sum of the probabilities it stands for.
func TestNegativeBinomialTail(t *testing.T) {
	f := func(x, mean, variance float64) {
		t.Helper()
		r := mean * mean / (variance - mean)
		p := r / (r + mean)
		below := 0.0
		for k := 0.0; k < x; k++ {
			lg, _ := math.Lgamma(k + r)
			lr, _ := math.Lgamma(r)
			lk, _ := math.Lgamma(k + 1)
			below += math.Exp(lg - lr - lk + r*math.Log(p) + k*math.Log(1-p))
		}
		require.InDelta(t, -math.Log10(1-below), negativeBinomial(x, mean, variance), 1e-6)
	}
	f(5, 2, 4)
	f(30, 10, 40)
	f(100, 50, 500)
	require.InDelta(t, -math.Log10(1-math.Exp(-2)*(1+2+2)), negativeBinomial(3, 2, 2), 1e-9, "Poisson where the variance is the mean")
	require.Zero(t, negativeBinomial(3, 5, 9))
	require.LessOrEqual(t, negativeBinomial(1e9, 1, 1), 300.0)
}

func TestHistogramNeverPromisesMoreThanItSaw(t *testing.T) {
	var h scale
	require.InDelta(t, 0.30, h.surprisal(100), 0.01, "nothing seen: no surprise")
	for range 999 {
		h.remember(50)
	}
	require.Less(t, h.surprisal(50), 0.01)
	require.Greater(t, h.surprisal(500), 5.0)
	prev := 0.0
	for x := 1.0; x < 1e6; x *= 1.3 {
		s := h.surprisal(x)
		require.GreaterOrEqual(t, s, prev, "more is never less surprising")
		prev = s
	}
	for range 2 * histFull {
		h.remember(50)
	}
	require.Greater(t, h.surprisal(500), 5.0)
	h.remember(1e6)
	require.Less(t, h.surprisal(1e5), h.surprisal(1e7))
	require.Less(t, h.surprisal(1), 0.01, "what fell off the low end still counts")
}

func TestSnapshotRoundTrip(t *testing.T) {
	r := known(t, "ci", "web")
	for i := range 70 { // a token with more routes than the exact set holds
		c := use("wide", fmt.Sprintf("/v1/r%c%c/x", 'a'+i/10, 'a'+i%10), "198.51.100.9")
		r.after(c)
	}
	r.after(use("ci", "/v1/admin/users", "203.0.113.4"))
	saved := map[string][]byte{}
	put := func(k string, b []byte) error { saved[k] = bytes.Clone(b); return nil }
	require.NoError(t, r.e.Snapshot(put))

	again := newReplay(t)
	bad, err := again.e.Restore(func(k string) ([]byte, error) { return saved[k], nil })
	require.NoError(t, err)
	require.Zero(t, bad)
	before, after := r.e.Metrics(), again.e.Metrics()
	require.Equal(t, before.Tracked, after.Tracked)
	require.Equal(t, before.Active, after.Active)
	for i := range r.e.shards {
		for id := range r.e.shards[i].index {
			require.Equal(t, *r.e.shards[i].get(id), *again.e.shards[i].get(id))
			require.Equal(t, r.e.shards[i].blooms[id], again.e.shards[i].blooms[id])
		}
	}
	wide := again.e.shards[shardOf(mustID(fp("wide")))]
	rec := use("wide", "/v1/raa/x", "").record("")
	var q request
	q.read(&rec)
	require.True(t, wide.get(mustID(fp("wide"))).knows(wide, short(q.endpoint(again.e.hash))), "a route pushed out of the exact set is not new")
	again.wait(0) // the new life begins
	ended := again.wait(2 * time.Hour)
	require.Len(t, ended, 1, "the open alert ends in the next life")
	require.Equal(t, r.alerts[0].ID, ended[0].ID)
	require.Equal(t, "ci", ended[0].Subject.Attrs.Str(event.KeyTokenName))

	// Nothing changed since: only the shared part is written again; a refused blob comes again.
	saved = map[string][]byte{}
	require.NoError(t, r.e.Snapshot(put))
	require.Len(t, saved, 1)
	r.after(use("web", "/v1/orders", "198.51.100.1"))
	require.Error(t, r.e.Snapshot(func(string, []byte) error { return errors.New("disk full") }))
	require.NoError(t, r.e.Snapshot(put))
	require.Len(t, saved, 2)
}

// A damaged blob is left out, whatever byte of it is damaged; the others are used.
func TestDamagedSnapshotIsLeftOut(t *testing.T) {
	r := known(t, "ci")
	saved := map[string][]byte{}
	require.NoError(t, r.e.Snapshot(func(k string, b []byte) error { saved[k] = b; return nil }))
	key := shardKey(shardOf(mustID(fp("ci"))))
	for i := range saved[key] {
		hurt := bytes.Clone(saved[key])
		hurt[i] ^= 0x40
		e := New(Config{})
		bad, err := e.Restore(func(k string) ([]byte, error) {
			if k == key {
				return hurt, nil
			}
			return saved[k], nil
		})
		require.Equal(t, 1, bad)
		require.ErrorContains(t, err, key)
		require.Zero(t, e.Metrics().Tracked)
	}
}

func FuzzRestore(f *testing.F) {
	e := New(Config{})
	rec := call{at: now, token: "ci", owner: "o"}.record("1")
	e.Observe(&rec)
	_ = e.Snapshot(func(k string, b []byte) error { f.Add(b); return nil })
	f.Add([]byte(shardMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := New(Config{})
		_, _ = e.Restore(func(string) ([]byte, error) { return b, nil })
		rec := call{at: now, token: "ci", owner: "o"}.record("1")
		e.Observe(&rec)
		e.Tick(now)
	})
}

// Time nobody watched is no silence: a token that was busy before a pause of the collector is as busy after it.
func TestDowntimeIsNotSilence(t *testing.T) {
	level := func(observed bool) float32 {
		r := newReplay(t)
		begin := now.AddDate(0, 0, -10)
		for i := range 7 * 144 {
			for range 5 {
				r.call(call{at: begin.Add(time.Duration(i) * 10 * time.Minute), token: "ci", owner: "o"})
			}
		}
		if !observed {
			saved := map[string][]byte{}
			require.NoError(t, r.e.Snapshot(func(k string, b []byte) error { saved[k] = b; return nil }))
			r = newReplay(t)
			_, err := r.e.Restore(func(k string) ([]byte, error) { return saved[k], nil })
			require.NoError(t, err)
		}
		r.n = 1 << 20
		r.call(call{at: now, token: "ci", owner: "o"})
		return r.e.shards[shardOf(mustID(fp("ci")))].get(mustID(fp("ci"))).scales[scaleTen].mean
	}
	require.Less(t, level(true), float32(2))
	require.InDelta(t, 5, level(false), 0.2)
}

// Beyond its capacity the state forgets the tokens that matter least, and says so.
func TestCapacityIsBoundedAndCounted(t *testing.T) {
	e := New(Config{MaxTokens: 640, Now: func() time.Time { return now }})
	n := 0
	see := func(token string) {
		n++
		rec := call{at: now, token: token, owner: token}.record(fmt.Sprint(n))
		e.Observe(&rec)
	}
	for i := range 100 {
		for range 50 {
			see(fmt.Sprintf("old-%d", i))
		}
	}
	for i := range 5000 {
		see(fmt.Sprintf("new-%d", i))
	}
	m := e.Metrics()
	require.LessOrEqual(t, m.Tracked, int64(640))
	require.EqualValues(t, 5100-m.Tracked, m.Evictions[EvictToken])
	kept := 0
	for i := range 100 {
		id := mustID(fp(fmt.Sprintf("old-%d", i)))
		if e.shards[shardOf(id)].get(id) != nil {
			kept++
		}
	}
	require.Greater(t, kept, 95, "a flood of new tokens evicts itself")
}

func FuzzObserve(f *testing.F) {
	f.Add("kt1_00", "GET", "/v1/x", "10.0.0.1", "2026-01-01T00:00:00Z", "revoked", int64(200), now.UnixNano())
	f.Add(fp("x"), "", "//", "::1%eth0", "junk", "", int64(-1), int64(-1))
	e := New(Config{})
	f.Fuzz(func(t *testing.T, token, method, path, client, date, state string, status, at int64) {
		r := event.Record{Time: at, Name: event.NameRequest}
		for k, v := range map[string]string{
			event.KeyFingerprint: token, event.KeyPrincipal: token, event.KeyPrincipalBasis: event.BasisVerified, event.KeyMethod: method,
			event.KeyPath: path, event.KeyClientAddress: client, event.KeyTokenRevokedAt: date, event.KeyTokenState: state, event.KeyOthers: token,
			event.KeyPrincipalClaimed: token, event.KeyRequestKey: path,
		} {
			r.Attrs.Add(k, event.String(v))
		}
		r.Attrs.Add(event.KeyStatus, event.Int(status))
		e.Observe(&r)
		for _, a := range e.TakeAlerts() {
			rec := a.Record(now)
			require.NotEmpty(t, rec.Attrs.Str(event.KeyAlertExplanation))
		}
	})
}

// The budget of a token, all in: its record, its place in the index, and its share of the slab.
func TestBytesPerToken(t *testing.T) {
	const tokens = 100_000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	e := New(Config{MaxTokens: 2 * tokens})
	for i := range tokens {
		var id fingerprint.ID
		id.Kind, id.Epoch = fingerprint.Credential, 1
		for j := range 8 {
			id.Sum[j], id.Sum[8+j] = byte(mix(uint64(i))>>(8*j)), byte(mix(uint64(i)+1<<40)>>(8*j))
		}
		p, _ := e.shards[shardOf(id)].add(id)
		p.reset(id, 1, 1)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	per := float64(after.HeapAlloc-before.HeapAlloc) / tokens
	m := e.Metrics()
	t.Logf("%d bytes a profile, %.0f bytes a token on the heap, %.0f as counted", profileSize, per, float64(m.StateBytes)/tokens)
	require.Less(t, per, 700.0)
	runtime.KeepAlive(e)
}

func BenchmarkObserve(b *testing.B) {
	for _, tokens := range []int{100, 100_000} {
		b.Run(fmt.Sprint(tokens), func(b *testing.B) {
			e := New(Config{MaxTokens: 200_000})
			recs := make([]event.Record, 4096)
			for i := range recs {
				recs[i] = call{at: now.Add(time.Duration(i) * time.Millisecond), token: fmt.Sprint(i * 7919 % tokens), owner: "o"}.record(fmt.Sprintf("%032x", i))
			}
			ids := make([]byte, 0, 64)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				r := &recs[n%len(recs)]
				n++
				ids = fmt.Appendf(ids[:0], "%032x", n)
				r.Attrs.Set(event.KeyEventID, event.String(string(ids)))
				r.Time += int64(time.Second)
				e.Observe(r)
			}
		})
	}
}
