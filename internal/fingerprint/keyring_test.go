package fingerprint

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// promise is how soon a running collector must have read a change.
const promise = 10 * time.Second

type follower struct {
	*Keyring
	path string
	mu   sync.Mutex
	said []error
}

// told returns what the keyring has said since the last call.
func (f *follower) told() []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	said := f.said
	f.said = nil
	return said
}

func (f *follower) hear(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said = append(f.said, err)
}

// follow opens a new ring inside a synctest bubble.
func follow(t *testing.T) *follower {
	f := &follower{path: created(t)}
	k, err := Open(f.path, Options{OnReload: f.hear})
	require.NoError(t, err)
	f.Keyring = k
	t.Cleanup(func() { assert.NoError(t, k.Close()) })
	return f
}

func (f *follower) wait(d time.Duration) {
	<-time.After(d) // inside the bubble: the fake clock
	synctest.Wait()
}

func TestARunningCollectorFollowsTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := follow(t)
		before := f.Ring()
		f.wait(3 * promise)
		assert.Same(t, before, f.Ring(), "nothing changed")
		assert.Empty(t, f.told())

		rotated(t, f.path, RotateOptions{})
		f.wait(promise)
		assert.Equal(t, "2 stamp, 1 previous", states(f.Ring()))
		assert.Equal(t, []error{nil}, f.told())
		assert.Equal(t, 1, before.Scope().Epoch, "a batch that holds the old ring keeps it")
	})
}

func TestABadFileKeepsTheLastGoodRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := follow(t)
		good, err := os.ReadFile(f.path)
		require.NoError(t, err)
		ring := f.Ring()
		broken := func(want string) {
			t.Helper()
			f.wait(2 * promise)
			require.ErrorContains(t, f.Err(), want)
			require.Len(t, f.told(), 1, "said once, not at every look")
			assert.Same(t, ring, f.Ring())
		}
		write := func(data []byte, mode fs.FileMode) {
			t.Helper()
			require.NoError(t, os.RemoveAll(f.path))
			require.NoError(t, os.WriteFile(f.path, data, mode))
		}
		write(good[:len(good)/2], 0o600)
		broken("`keys` must hold at least one epoch")
		write([]byte(ringText(t)), 0o600)
		broken("`ring` must stay")
		write(good, 0o644)
		broken("others must have no access")
		require.NoError(t, os.Remove(f.path))
		broken("no such file")
		other, err := encodeRing(ring.id, []*key{newKey(1, summer, summer)})
		require.NoError(t, err)
		write(other, 0o600)
		broken("epoch 1 has another key, its kcv was ")
		other, err = encodeRing(ring.id, []*key{newKey(2, summer, summer)})
		require.NoError(t, err)
		write(other, 0o600)
		broken("epoch 1 is missing")

		write(good, 0o600)
		f.wait(promise)
		require.NoError(t, f.Err())
		assert.Equal(t, []error{nil}, f.told(), "mended, and said so")
		assert.Same(t, ring, f.Ring())
	})
}

func TestAnAnnouncedEpochComesIntoForceByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := follow(t)
		rotated(t, f.path, RotateOptions{NotBefore: time.Now().Add(time.Minute + time.Millisecond)})
		f.wait(promise)
		assert.Equal(t, "2 pending, 1 stamp", states(f.Ring()))
		require.NoError(t, os.Chmod(f.path, 0o666)) // the time comes whatever became of the file
		f.wait(time.Minute - promise)
		assert.Equal(t, "2 pending, 1 stamp", states(f.Ring()))
		f.wait(time.Millisecond)
		assert.Equal(t, "2 stamp, 1 previous", states(f.Ring()), "on time, not at the next look")
	})
}

func TestOpenCreatesOnlyWhenAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "keyring.yaml")
	_, err := Open(path, Options{})
	require.ErrorIs(t, err, fs.ErrNotExist)

	// Three components of one collector start on no ring at the same time.
	scopes := make([]string, 3)
	var all sync.WaitGroup
	for i := range scopes {
		all.Go(func() {
			k, err := Open(path, Options{Create: true})
			if assert.NoError(t, err) {
				scopes[i] = k.Ring().ID()
				assert.NoError(t, k.Close())
				assert.NoError(t, k.Close(), "twice does no harm")
			}
		})
	}
	all.Wait()
	assert.Equal(t, []string{scopes[0], scopes[0], scopes[0]}, scopes)
	assert.NotEmpty(t, scopes[0])
}

func TestStaticRing(t *testing.T) {
	r := vectorRing(t)
	k := Static(r)
	assert.Same(t, r, k.Ring())
	require.NoError(t, k.Err())
	require.NoError(t, k.Close())
}

// TestRewriteUnderReaders reads a ring as fast as it can while it is rewritten: no half file, no gap.
func TestRewriteUnderReaders(t *testing.T) {
	path := created(t)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, err := Load(path)
					assert.NoError(t, err)
				}
			}
		})
	}
	for range 10 {
		rotated(t, path, RotateOptions{})
	}
	close(stop)
	readers.Wait()
}

func TestOneRingForManyGoroutines(t *testing.T) {
	r, d := vectorRing(t), CredentialDigest([]byte("example-token-0001"))
	want := r.Stamp(Credential, d)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				assert.Equal(t, want, r.Stamp(Credential, d))
				r.Stamp(Principal, d)
			}
		})
	}
	all.Wait()
}
