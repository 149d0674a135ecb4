//go:build scenario

package servers

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/testbed/harness"
)

func TestFaultsBeforeVersitygw(t *testing.T) { survivesFaults(t, harness.Versitygw(t)) }

func TestFaultsBeforeMinIO(t *testing.T) { survivesFaults(t, harness.MinIO(t)) }

// reasons writes down how each request ended, as room ④ counts it.
type reasons struct {
	mu  sync.Mutex
	all []string
}

func (r *reasons) observe(q bucket.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, fmt.Sprintf("%s %s", q.Op, q.Reason))
}

func (r *reasons) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := strings.Join(r.all, ", ")
	r.all = nil
	return text
}

// patience is short: a planted silence must not keep the test.
const patience = 500 * time.Millisecond

func survivesFaults(t *testing.T, store *harness.ObjectStore) {
	f := &faulty{store: store, proxy: harness.Faults(t, store.Address), seen: &reasons{}}
	f.config = store.MakeBucket(harness.Bucket{Name: "faults"})
	f.config.Endpoint, f.config.Timeout, f.config.MaxAttempts = f.proxy.URL(""), patience, 3
	t.Run("puts", f.puts)
	t.Run("gets", f.gets)
	t.Run("lists", f.lists)
	t.Run("deletes", f.deletes)
	t.Run("a store that is gone for a while", f.outage)
	t.Run("a store that hangs", f.hang)
}

type faulty struct {
	store  *harness.ObjectStore
	proxy  *harness.FaultProxy
	seen   *reasons
	config bucket.S3Config
	n      int
}

// corner returns a client of an empty place.
func (f *faulty) corner(t *testing.T) *bucket.S3 {
	f.n++
	c := f.config
	c.Prefix = fmt.Sprintf("row%d", f.n)
	f.proxy.Next("")
	f.seen.take()
	return open(t, c, bucket.Options{Observer: f.seen.observe})
}

func put(b bucket.Bucket, key, text string, o bucket.PutOptions) error {
	return b.Put(context.Background(), key, strings.NewReader(text), int64(len(text)), o)
}

func (f *faulty) puts(t *testing.T) {
	slow, fail, cut, silent := harness.SlowDown(), harness.S3Error, harness.Fault{Cut: true}, harness.Fault{Silent: true}
	after := func(g harness.Fault) harness.Fault { g.After = true; return g }
	const absent, swap = "absent", "swap"
	for _, row := range []struct {
		what, how string
		faults    []harness.Fault
		seen      string
		class     bucket.Class // of the error, or none
		is        error
	}{
		{"no fault", absent, nil, "put ok", "", nil},
		{"slow down", absent, []harness.Fault{slow, slow}, "put slow_down, put slow_down, put ok", "", nil},
		{"429", absent, []harness.Fault{fail(429, "TooManyRequests")}, "put slow_down, put ok", "", nil},
		{"500", absent, []harness.Fault{fail(500, "InternalError")}, "put server_error, put ok", "", nil},
		{"502 without a code", absent, []harness.Fault{{Status: 502, Body: "<html>"}}, "put server_error, put ok", "", nil},
		{"504", absent, []harness.Fault{{Status: 504}}, "put server_error, put ok", "", nil},
		{"409", absent, []harness.Fault{fail(409, "ConditionalRequestConflict")}, "put conflict, put ok", "", nil},
		{"request timeout", absent, []harness.Fault{fail(400, "RequestTimeout")}, "put timeout, put ok", "", nil},
		{"cut before", absent, []harness.Fault{cut}, "put connection, put ok", "", nil},
		{"silent before", absent, []harness.Fault{silent}, "put timeout, put ok", "", nil},
		{"slower than patience", absent, []harness.Fault{{Delay: 2 * patience}}, "put timeout, put ok", "", nil},
		{"cut after the commit", absent, []harness.Fault{after(cut)}, "put connection, put exists, head ok", "", nil},
		{"silent after the commit", absent, []harness.Fault{after(silent)}, "put timeout, put exists, head ok", "", nil},
		{"500 after the commit", absent, []harness.Fault{after(fail(500, "InternalError"))}, "put server_error, put exists, head ok", "", nil},
		{"swap, slow down", swap, []harness.Fault{slow}, "put slow_down, put ok", "", nil},
		{"swap, cut after the commit", swap, []harness.Fault{after(cut)}, "put connection, put exists, head ok", "", nil},
		{"swap, silent after the commit", swap, []harness.Fault{after(silent)}, "put timeout, put exists, head ok", "", nil},
		{"slow down for ever", absent, []harness.Fault{slow, slow, slow, slow}, "put slow_down, put slow_down, put slow_down", bucket.Retry, nil},
		{"403", absent, []harness.Fault{fail(403, "AccessDenied")}, "put denied", bucket.Denied, nil},
		{"clock skew", absent, []harness.Fault{fail(403, "RequestTimeTooSkewed")}, "put clock_skew", bucket.Denied, nil},
		{"no such bucket", absent, []harness.Fault{fail(404, "NoSuchBucket")}, "put no_bucket", bucket.Permanent, nil},
		{"400", absent, []harness.Fault{fail(400, "InvalidRequest")}, "put invalid", bucket.Permanent, nil},
		{"501", absent, []harness.Fault{fail(501, "NotImplemented")}, "put unsupported", bucket.Permanent, nil},
	} {
		t.Run(row.what, func(t *testing.T) {
			b := f.corner(t)
			o := bucket.PutOptions{IfAbsent: true}
			if row.how == swap {
				require.NoError(t, put(b, "k", "before", bucket.PutOptions{}))
				was, err := b.Head(t.Context(), "k")
				require.NoError(t, err)
				o = bucket.PutOptions{IfMatch: was.ETag}
			}
			f.seen.take()
			f.proxy.Next(http.MethodPut, row.faults...)
			err := put(b, "k", "text", o)
			assert.Equal(t, row.seen, f.seen.take())
			if row.class != "" {
				require.Error(t, err)
				assert.Equal(t, row.class, bucket.ClassOf(err), "%v", err)
				return
			}
			require.NoError(t, err)
			got, err := b.GetRange(t.Context(), "k", 0, -1)
			require.NoError(t, err)
			assert.Equal(t, "text", string(got))
		})
	}

	t.Run("another writer's object is not taken for ours", func(t *testing.T) {
		b := f.corner(t)
		require.NoError(t, put(b, "k", "the very same text", bucket.PutOptions{}))
		f.proxy.Next(http.MethodPut, cut)
		require.ErrorIs(t, put(b, "k", "the very same text", bucket.PutOptions{IfAbsent: true}), bucket.ErrExists)
	})
	t.Run("attempts used up after a commit leave the outcome to the caller", func(t *testing.T) {
		b := f.corner(t)
		f.proxy.Next(http.MethodPut, after(cut), slow, slow)
		err := put(b, "k", "text", bucket.PutOptions{IfAbsent: true})
		require.True(t, bucket.IsRetryable(err), "%v", err)
		require.ErrorIs(t, put(b, "k", "text", bucket.PutOptions{IfAbsent: true}), bucket.ErrExists)
	})
	t.Run("a caller who gives up is heard at once", func(t *testing.T) {
		b := f.corner(t)
		f.proxy.Each(func(*http.Request) *harness.Fault { return &slow })
		ctx, cancel := context.WithTimeout(t.Context(), patience/10)
		defer cancel()
		err := b.Put(ctx, "k", strings.NewReader("text"), 4, bucket.PutOptions{})
		require.True(t, bucket.IsRetryable(err), "%v", err)
		assert.LessOrEqual(t, len(f.proxy.Requests()), 1)
	})
}

func (f *faulty) gets(t *testing.T) {
	text := strings.Repeat("0123456789", 10_000)
	for _, row := range []struct {
		what   string
		faults []harness.Fault
		seen   string
	}{
		{"slow down", []harness.Fault{harness.SlowDown()}, "get slow_down, get ok"},
		{"cut before, twice", []harness.Fault{{Cut: true}, {Cut: true}}, "get connection, get ok"}, // net/http hides one
		{"cut in the middle", []harness.Fault{{Stop: 5000}}, "get connection, get ok"},
		{"silent", []harness.Fault{{Silent: true}}, "get timeout, get ok"},
		{"slow, but in time", []harness.Fault{{Delay: patience / 5}}, "get ok"},
	} {
		t.Run(row.what, func(t *testing.T) {
			b := f.corner(t)
			require.NoError(t, put(b, "k", text, bucket.PutOptions{}))
			f.seen.take()
			f.proxy.Next(http.MethodGet, row.faults...)
			got, err := b.GetRange(t.Context(), "k", 7, 80_000)
			require.NoError(t, err)
			assert.Equal(t, text[7:80_007], string(got))
			assert.Equal(t, row.seen, f.seen.take())
		})
	}
}

func (f *faulty) lists(t *testing.T) {
	for _, row := range []struct {
		what  string
		fault harness.Fault
		seen  string
	}{
		{"slow down", harness.SlowDown(), "list slow_down, list ok"},
		{"cut in the middle", harness.Fault{Stop: 300}, "list connection, list ok"},
		{"an answer that is none", harness.Fault{Status: 200, Body: "<html>"}, "list server_error, list ok"},
	} {
		t.Run(row.what, func(t *testing.T) {
			b := f.corner(t)
			for _, k := range []string{"a", "b", "c"} {
				require.NoError(t, put(b, k, "x", bucket.PutOptions{}))
			}
			f.seen.take()
			f.proxy.Next(http.MethodGet, row.fault)
			var keys []string
			for o, err := range b.List(t.Context(), "", "") {
				require.NoError(t, err)
				keys = append(keys, o.Key)
			}
			assert.Equal(t, []string{"a", "b", "c"}, keys)
			assert.Equal(t, row.seen, f.seen.take())
		})
	}
}

func (f *faulty) deletes(t *testing.T) {
	b := f.corner(t)
	require.NoError(t, put(b, "k", "x", bucket.PutOptions{}))
	f.proxy.Next(http.MethodDelete, harness.Fault{After: true, Cut: true})
	require.NoError(t, b.Delete(t.Context(), "k"))
	_, err := b.Head(t.Context(), "k")
	require.ErrorIs(t, err, bucket.ErrNotFound)
}

// outage kills the store. A call fails as one to try again, and succeeds, on the same client, once the store is back.
func (f *faulty) outage(t *testing.T) {
	c := f.store.MakeBucket(harness.Bucket{Name: "outage"})
	c.Timeout, c.MaxAttempts = patience, 2
	b := open(t, c, bucket.Options{Observer: f.seen.observe})
	require.NoError(t, put(b, "before", "x", bucket.PutOptions{}))
	f.store.Kill()
	f.seen.take()
	err := put(b, "k", "x", bucket.PutOptions{IfAbsent: true})
	require.True(t, bucket.IsRetryable(err), "%v", err)
	assert.Equal(t, "put connection, put connection", f.seen.take())
	f.store.Start()
	require.NoError(t, put(b, "k", "x", bucket.PutOptions{IfAbsent: true}))
	_, err = b.Head(t.Context(), "before")
	require.NoError(t, err, "what was put before the store died is still there")
}

func (f *faulty) hang(t *testing.T) {
	c := f.store.MakeBucket(harness.Bucket{Name: "hang"})
	c.Timeout, c.MaxAttempts = patience, 10
	timedOut := make(chan struct{})
	var once sync.Once
	b := open(t, c, bucket.Options{Observer: func(q bucket.Request) {
		if q.Reason == bucket.Timeout {
			once.Do(func() { close(timedOut) })
		}
	}})
	f.store.Pause()
	done := make(chan error, 1)
	go func() { done <- put(b, "k", "x", bucket.PutOptions{IfAbsent: true}) }()
	<-timedOut
	f.store.Resume()
	require.NoError(t, <-done, "whether or not the store carried out what timed out")
	require.ErrorIs(t, put(b, "k", "x", bucket.PutOptions{IfAbsent: true}), bucket.ErrExists)
}
