package lookup

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/keytrail/keytrail/internal/owner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSource answers after a delay and remembers who asked when.
type fakeSource struct {
	mu    sync.Mutex
	delay time.Duration
	reply func(owner.Keys) (*owner.Row, error)
	calls []owner.Keys
	times []time.Time
	busy  int
	most  int // calls at a time
}

func (f *fakeSource) Find(ctx context.Context, k owner.Keys) (*owner.Row, error) {
	f.mu.Lock()
	f.calls, f.times = append(f.calls, k), append(f.times, time.Now())
	f.busy++
	f.most = max(f.most, f.busy)
	delay, reply := f.delay, f.reply
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.busy--
		f.mu.Unlock()
	}()
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return reply(k)
}

func (f *fakeSource) set(delay time.Duration, reply func(owner.Keys) (*owner.Row, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delay, f.reply = delay, reply
}

func (f *fakeSource) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.calls)
}

var decoder = func() *owner.Decoder {
	d, err := owner.NewDecoder([]string{"credential_id", "owner_id"})
	if err != nil {
		panic(err)
	}
	return d
}()

func rowOf(id string) *owner.Row {
	r, err := decoder.Row([]string{"dummy", id})
	if err != nil {
		panic(err)
	}
	return r
}

func owned(id string) func(owner.Keys) (*owner.Row, error) {
	return func(owner.Keys) (*owner.Row, error) { return rowOf(id), nil }
}

func unknown(owner.Keys) (*owner.Row, error) { return nil, nil }

func failing(err error) func(owner.Keys) (*owner.Row, error) {
	return func(owner.Keys) (*owner.Row, error) { return nil, err }
}

// token n has a fingerprint and a hash.
func token(n int) *owner.Keys {
	sum := sha256.Sum256(fmt.Appendf(nil, "dummy-%d", n))
	return &owner.Keys{SHA256: sum, HasSHA256: true, Fingerprint: fmt.Sprintf("kt1_%x", sum[:16])}
}

// story runs in fake time with a cache over a source.
func story(t *testing.T, o Options, tell func(*testing.T, *Cache, *fakeSource)) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSource{delay: 20 * time.Millisecond, reply: unknown}
		c, err := New(f, o)
		require.NoError(t, err)
		defer c.Close()
		tell(t, c, f)
	})
}

// after lets time pass and the workers come to rest.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func expect(t *testing.T, c *Cache, k *owner.Keys, allowed bool, state State, ownerID string) {
	t.Helper()
	row, got := c.Get(k, allowed)
	require.Equal(t, state.String(), got.String())
	if ownerID == "" {
		require.Nil(t, row)
		return
	}
	require.NotNil(t, row)
	require.Equal(t, ownerID, row.OwnerID)
}
