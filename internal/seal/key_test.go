package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func testMaster() []byte {
	b := make([]byte, KeySize)
	_, _ = rand.Read(b)
	return b
}

// What is stored depends on the derivation: this fails when it changes.
func TestDerivationIsFrozen(t *testing.T) {
	k, err := NewKey("keytrail sealed_storage v1", []byte("not a secret, only a test value!"))
	require.NoError(t, err)
	assert.Equal(t, "d8884dc1d598bd96", k.ID().String())
}

func TestKeysOfTwoUsesDoNotMeet(t *testing.T) {
	m := testMaster()
	a, err := NewKey("one use", m)
	require.NoError(t, err)
	b, err := NewKey("another use", m)
	require.NoError(t, err)
	assert.NotEqual(t, a.ID(), b.ID())
	sealed, err := a.Seal(nil, []byte("value"), []byte("place"))
	require.NoError(t, err)
	_, err = b.Open(sealed, []byte("place"))
	require.ErrorIs(t, err, ErrNotAuthentic)
	_, err = a.Open(sealed, []byte("other place"))
	require.ErrorIs(t, err, ErrNotAuthentic)
	plain, err := a.Open(sealed, []byte("place"))
	require.NoError(t, err)
	assert.Equal(t, "value", string(plain))
}

func TestKeysAreFoundById(t *testing.T) {
	first, second := testMaster(), testMaster()
	keys, err := NewKeys("use", first, second, first)
	require.NoError(t, err)
	require.Len(t, keys, 2)
	assert.Same(t, keys[1], keys.Find(keys[1].ID()))
	assert.Nil(t, keys.Find(KeyID{}))
}

// A sequence is the same cipher with the halves of its nonce held apart.
func TestASequenceIsXAES(t *testing.T) {
	k, err := NewKey("use", testMaster())
	require.NoError(t, err)
	half := [HalfSize]byte([]byte("first half ."))
	seq, err := k.Sequence(half)
	require.NoError(t, err)
	second := []byte("second half.")
	sealed := seq.Seal(append(half[:], second...), second, []byte("value"), []byte("aad"))
	plain, err := k.Open(sealed, []byte("aad"))
	require.NoError(t, err)
	assert.Equal(t, "value", string(plain))
	assert.Len(t, sealed, NonceSize+len("value")+Overhead)
}

func TestKeyFiles(t *testing.T) {
	master := testMaster()
	good := base64.StdEncoding.EncodeToString(master) + "\n"
	read := func(content string, mode os.FileMode) ([]byte, error) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "key")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		require.NoError(t, os.Chmod(path, mode))
		k, err := ReadKey(path)
		if err != nil {
			assert.NotContains(t, err.Error(), good[:8])
		}
		return k, err
	}
	for _, mode := range []os.FileMode{0o600, 0o400, 0o440, 0o640} {
		k, err := read(good, mode)
		require.NoError(t, err)
		assert.Equal(t, master, k)
	}
	for _, mode := range []os.FileMode{0o644, 0o604, 0o660} {
		_, err := read(good, mode)
		require.ErrorContains(t, err, "must not be readable by others or writable by its group, found mode")
	}
	bad := func(content, want string) {
		t.Helper()
		_, err := read(content, 0o600)
		require.ErrorContains(t, err, want)
	}
	bad("", "must be 32 bytes in base64, found 0 bytes")
	bad("not base64!", "found other characters")
	bad(good[:8], "found 6 bytes")
	bad(base64.StdEncoding.EncodeToString(make([]byte, KeySize)), "found one byte repeated")
	bad(string(bytes.Repeat([]byte("a"), maxKeyFile+1)), "must have at most 4096 bytes")
	_, err := ReadKey(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzOpen(f *testing.F) {
	k, err := NewKey("use", testMaster())
	require.NoError(f, err)
	good, err := k.Seal(nil, []byte("value"), nil)
	require.NoError(f, err)
	f.Add(good)
	f.Add(good[:NonceSize])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		// Each fuzzing process seals its own seed; nothing else can open.
		if plain, err := k.Open(b, nil); err == nil && string(plain) != "value" {
			t.Fatalf("opened %x", b)
		}
	})
}
