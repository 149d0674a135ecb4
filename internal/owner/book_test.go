package owner

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

// told collects what a book reports.
type told struct {
	mu   sync.Mutex
	errs []error
	rows []int
}

func (r *told) add(rows int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs, r.rows = append(r.errs, err), append(r.rows, rows)
}

func (r *told) last(t *testing.T, n int) (int, error) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Len(t, r.errs, n)
	return r.rows[n-1], r.errs[n-1]
}

func TestBookFollowsItsFile(t *testing.T) {
	ringPath := newRing(t)
	path := filepath.Join(t.TempDir(), "owners.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	synctest.Test(t, func(t *testing.T) {
		var ring atomic.Pointer[fingerprint.Ring]
		ring.Store(loadRing(t, ringPath))
		var reports told
		tick := func() { <-time.After(DefaultInterval); synctest.Wait() }

		b := Open(Options{Loader: NewFile(path), Ring: ring.Load, OnReload: reports.add})
		defer b.Close()
		_, err := reports.last(t, 1)
		require.ErrorIs(t, err, os.ErrNotExist)
		require.Zero(t, b.Index().Len())
		tick()
		reports.last(t, 1) // the same error is told once

		write("- {credential_id: k, owner_id: one}")
		tick()
		rows, err := reports.last(t, 2)
		require.NoError(t, err)
		require.Equal(t, 1, rows)

		good := b.Index()
		tick()
		reports.last(t, 2)
		require.Same(t, good, b.Index(), "an unchanged file is not loaded again")

		write("- {credential_id: k, owner_id: one, owner_id: two}")
		tick()
		rows, err = reports.last(t, 3)
		require.ErrorContains(t, err, "line 1: `owner_id` stands twice")
		require.Equal(t, 1, rows)
		require.Same(t, good, b.Index(), "the last good one stays")

		write("- {credential_id: k, owner_id: one}")
		tick()
		_, err = reports.last(t, 4)
		require.NoError(t, err, "the former content is good news after a bad file")

		require.NoError(t, os.Remove(path))
		tick()
		_, err = reports.last(t, 5)
		require.ErrorIs(t, err, os.ErrNotExist)
		require.Equal(t, 1, b.Index().Len())
	})
}

func TestBookFollowsTheKeyRing(t *testing.T) {
	ringPath := newRing(t)
	first := loadRing(t, ringPath)
	_, err := fingerprint.Rotate(ringPath, fingerprint.RotateOptions{})
	require.NoError(t, err)
	second := loadRing(t, ringPath)
	token := dummyToken()
	path := filepath.Join(t.TempDir(), "owners.csv")
	require.NoError(t, os.WriteFile(path, []byte("owner_id,sha256\na,"+hexSum(token)+"\n"), 0o600))

	synctest.Test(t, func(t *testing.T) {
		var ring atomic.Pointer[fingerprint.Ring]
		ring.Store(first)
		b := Open(Options{Loader: NewFile(path), Ring: ring.Load})
		defer b.Close()
		id := second.Stamp(fingerprint.Credential, fingerprint.CredentialDigest([]byte(token)))
		var f Facts
		require.False(t, b.Index().ByText(id.String(), loaded, &f))

		ring.Store(second)
		<-time.After(ringInterval)
		synctest.Wait()
		require.True(t, b.Index().ByText(id.String(), loaded, &f))
	})
}

func TestReadersNeverWaitForAReload(t *testing.T) {
	ring := loadRing(t, newRing(t))
	path := filepath.Join(t.TempDir(), "owners.yaml")
	require.NoError(t, os.WriteFile(path, []byte("- {credential_id: k, owner_id: a}"), 0o600))
	b := Open(Options{Loader: NewFile(path), Interval: time.Hour, Ring: func() *fingerprint.Ring { return ring }})
	defer b.Close()
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 2000 {
				var f Facts
				if !b.Index().ByCredentialID("k", loaded, &f) {
					t.Error("a reload hid a row")
					return
				}
			}
		})
	}
	for range 200 {
		b.index.Store(NewIndex(b.dir, ring))
	}
	readers.Wait()
}
