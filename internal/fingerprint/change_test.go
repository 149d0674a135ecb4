package fingerprint

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// states renders a ring as "2 stamp, 1 previous".
func states(r *Ring) string {
	var all []string
	for _, e := range r.Epochs() {
		all = append(all, string(rune('0'+e.Number))+" "+e.State)
	}
	return strings.Join(all, ", ")
}

func created(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyring.yaml")
	_, err := Create(path)
	require.NoError(t, err)
	return path
}

func loaded(t testing.TB, path string) *Ring {
	t.Helper()
	r, err := Load(path)
	require.NoError(t, err)
	return r
}

func rotated(t testing.TB, path string, o RotateOptions) int {
	t.Helper()
	n, err := Rotate(path, o)
	require.NoError(t, err)
	return n
}

// One token over the life of a ring: two epochs in overlap, retired, a compromised key, a destroyed one.
func TestLifeOfARing(t *testing.T) {
	path := created(t)
	d := CredentialDigest([]byte("example-token"))
	r := loaded(t, path)
	first := r.Stamp(Credential, d)
	assert.Equal(t, "1 stamp", states(r))
	assert.Equal(t, []ID{first}, r.Live(Credential, d))
	_, ok := r.Previous(Credential, d)
	assert.False(t, ok)
	assert.Equal(t, IDs{Stamp: first, Oldest: first}, r.IDs(Credential, d))
	require.Error(t, Retire(path, 1), "what stamps cannot be retired")

	assert.Equal(t, 2, rotated(t, path, RotateOptions{}))
	r = loaded(t, path)
	second := r.Stamp(Credential, d)
	assert.Equal(t, "2 stamp, 1 previous", states(r))
	previous, ok := r.Previous(Credential, d)
	assert.True(t, ok)
	assert.Equal(t, first, previous)
	assert.Equal(t, []ID{second, first}, r.Live(Credential, d))
	assert.Equal(t, IDs{Stamp: second, Previous: first, Oldest: first}, r.IDs(Credential, d))
	assert.Equal(t, 2, r.Scope().Epoch)
	assert.Equal(t, r.Epochs()[0].Check, r.Scope().Check)

	require.NoError(t, Retire(path, 1))
	r = loaded(t, path)
	assert.Equal(t, "2 stamp, 1 search", states(r))
	_, ok = r.Previous(Credential, d)
	assert.False(t, ok, "retired: never stamped")
	assert.Equal(t, []ID{second, first}, r.Live(Credential, d), "still searched")

	assert.Equal(t, 3, rotated(t, path, RotateOptions{Compromised: true}))
	r = loaded(t, path)
	assert.Equal(t, "3 stamp, 2 search, 1 search", states(r))
	_, ok = r.Previous(Credential, d)
	assert.False(t, ok, "compromised: never stamped")
	assert.Equal(t, first, r.Oldest(Credential, d))
	assert.Equal(t, IDs{Stamp: r.Stamp(Credential, d), Oldest: first}, r.IDs(Credential, d))
	assert.False(t, r.Epochs()[1].Compromised.IsZero())

	require.ErrorIs(t, Destroy(path, 1, DestroyOptions{Holds: func(int) (bool, error) { return true, nil }}), ErrEpochHeld)
	require.NoError(t, Destroy(path, 1, DestroyOptions{Holds: func(epoch int) (bool, error) { return epoch != 1, nil }}))
	before, r := r, loaded(t, path)
	assert.Equal(t, "3 stamp, 2 search, 1 destroyed", states(r))
	assert.Equal(t, second, r.Oldest(Credential, d))
	assert.Equal(t, before.Epochs()[2].Check, r.Epochs()[2].Check, "the check value stays")
	require.Error(t, Destroy(path, 1, DestroyOptions{Forget: true}), "there is nothing left to destroy")
}

func TestRefusedChangesLeaveTheFile(t *testing.T) {
	path := created(t)
	rotated(t, path, RotateOptions{})
	rotated(t, path, RotateOptions{})
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	refused := func(want string, err error) {
		t.Helper()
		require.EqualError(t, err, "key ring "+path+": "+want)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(before), string(after))
	}
	soon := time.Now().Add(time.Hour)
	_, err = Rotate(path, RotateOptions{Compromised: true, NotBefore: soon})
	refused("a compromised key must be replaced at once, not later", err)
	refused("epoch 3 must be in state previous to be retired, found stamp", Retire(path, 3))
	refused("epoch 1 must be in state previous to be retired, found search", Retire(path, 1))
	refused("epoch 4 is not in the ring", Retire(path, 4))
	refused("epoch 4 is not in the ring", Destroy(path, 4, DestroyOptions{Forget: true}))
	refused("epoch 2 must be in state search to be destroyed, found previous", Destroy(path, 2, DestroyOptions{Forget: true}))
	refused("destroy epoch 1: no archive was given to ask whether it holds the epoch", Destroy(path, 1, DestroyOptions{}))
	refused("destroy epoch 1: ask the archive: no answer", Destroy(path, 1, DestroyOptions{
		Holds: func(int) (bool, error) { return false, errors.New("no answer") },
	}))
	refused("destroy epoch 1: "+ErrEpochHeld.Error(), Destroy(path, 1, DestroyOptions{
		Holds: func(int) (bool, error) { return true, nil },
	}))
}

func TestAnAnnouncedEpoch(t *testing.T) {
	path := created(t)
	soon := time.Now().Add(time.Hour)
	rotated(t, path, RotateOptions{NotBefore: soon})
	r := loaded(t, path)
	assert.Equal(t, "2 pending, 1 stamp", states(r))
	assert.False(t, r.Epochs()[0].Live())
	assert.Len(t, r.Live(Credential, Digest{}), 1)

	data, err := os.ReadFile(path)
	require.NoError(t, err)
	later, err := Parse(data, soon.Add(time.Second))
	require.NoError(t, err)
	assert.Equal(t, "2 stamp, 1 previous", states(later), "the file did not change, the time did")

	_, err = Rotate(path, RotateOptions{})
	require.ErrorContains(t, err, "epoch 2 is already waiting to come into force at ")

	// The announced key stood in the file that became known, so it must never stamp.
	rotated(t, path, RotateOptions{Compromised: true})
	r = loaded(t, path)
	assert.Equal(t, "3 stamp, 2 destroyed, 1 search", states(r))
}

func TestAClockBehindTheMakersStillStamps(t *testing.T) {
	data, err := encodeRing("test", []*key{newKey(1, summer, summer.Add(time.Minute)), newKey(2, summer, summer.Add(time.Hour))})
	require.NoError(t, err)
	r, err := Parse(data, summer)
	require.NoError(t, err)
	assert.Equal(t, "2 pending, 1 stamp", states(r))
}

func TestWhoMayReadTheRing(t *testing.T) {
	path := created(t)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	for _, mode := range []fs.FileMode{0o600, 0o400, 0o640, 0o440} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := Load(path)
		require.NoError(t, err, mode)
	}
	for _, mode := range []fs.FileMode{0o644, 0o604, 0o602, 0o601, 0o620, 0o660, 0o666, 0o777} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := Load(path)
		var refusal *ModeError
		require.ErrorAs(t, err, &refusal, mode)
		assert.Equal(t, mode, refusal.Mode.Perm())
	}
	require.NoError(t, os.Chmod(path, 0o644))
	_, err = Load(path)
	require.EqualError(t, err, "key ring "+path+": others must have no access to it, found mode 0644; chmod 600 it")
	_, err = Rotate(path, RotateOptions{})
	require.Error(t, err, "a ring others know is not made better by one more key")
}

func TestRotateKeepsModeAndLink(t *testing.T) {
	path := created(t)
	require.NoError(t, os.Chmod(path, 0o640))
	link := filepath.Join(t.TempDir(), "link.yaml")
	require.NoError(t, os.Symlink(path, link))
	rotated(t, link, RotateOptions{})
	info, err := os.Lstat(link)
	require.NoError(t, err)
	assert.Equal(t, fs.ModeSymlink, info.Mode().Type())
	info, err = os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o640), info.Mode().Perm())
	assert.Equal(t, "2 stamp, 1 previous", states(loaded(t, path)))
	assertAlone(t, path)
}

// assertAlone finds temporary files, which would be copies of the keys that nobody minds.
func assertAlone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

func TestWhatIsNoRingFile(t *testing.T) {
	dir := t.TempDir()
	_, err := Load(filepath.Join(dir, "none.yaml"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = Load(dir)
	require.EqualError(t, err, "key ring: "+dir+" must be a regular file, found d---------")
	big := filepath.Join(dir, "big.yaml")
	require.NoError(t, os.WriteFile(big, make([]byte, maxRingBytes+1), 0o600))
	_, err = Load(big)
	require.EqualError(t, err, "key ring "+big+": must be at most 1048576 bytes")
}

func TestCreateIsExclusive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "deep", "keyring.yaml")
	var winners atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := Create(path)
			if err == nil {
				winners.Add(1)
				return
			}
			assert.ErrorIs(t, err, fs.ErrExist)
		})
	}
	all.Wait()
	assert.EqualValues(t, 1, winners.Load())
	for _, dir := range []string{filepath.Dir(path), filepath.Dir(filepath.Dir(path))} {
		info, err := os.Stat(dir)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
	}
	assertAlone(t, path)
}

func TestCreateNeverOrphansAnArchive(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keyring.yaml")
	commits := filepath.Join(dir, "archive", "_commit")
	require.NoError(t, os.MkdirAll(commits, 0o700))

	guard := func(what string, err error) Guard { return func() (string, error) { return what, err } }
	_, err := Create(path, guard("", nil), guard("archive s3://example", nil))
	var orphan *OrphanError
	require.ErrorAs(t, err, &orphan)
	assert.Equal(t, "archive s3://example", orphan.What)
	_, err = Create(path, guard("", errors.New("no answer")))
	require.EqualError(t, err, "key ring "+path+": no answer")
	assert.NoFileExists(t, path)

	require.NoError(t, os.Mkdir(filepath.Join(commits, "2026-11-23"), 0o700))
	_, err = Open(path, Options{Create: true})
	require.ErrorAs(t, err, &orphan)
	assert.NoFileExists(t, path)

	require.NoError(t, os.Remove(filepath.Join(commits, "2026-11-23")))
	_, err = Create(path, guard("", nil))
	require.NoError(t, err, "an archive without a manifest holds nothing")
}

func TestConcurrentRotationsLoseNone(t *testing.T) {
	path := created(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := Rotate(path, RotateOptions{})
			assert.NoError(t, err)
		})
	}
	all.Wait()
	r := loaded(t, path)
	assert.Len(t, r.Epochs(), 9)
	assert.Equal(t, 9, r.Scope().Epoch)
}

func TestPathOrder(t *testing.T) {
	t.Setenv(EnvPath, "")
	assert.Equal(t, filepath.FromSlash("data/keyring.yaml"), ResolvePath(""))
	t.Setenv(EnvPath, "/env/ring.yaml")
	assert.Equal(t, "/env/ring.yaml", ResolvePath(""))
	assert.Equal(t, "/config/ring.yaml", ResolvePath("/config/ring.yaml"))
}
