package sealedstorageextension

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/keytrail/keytrail/internal/seal"
)

func testSealer(t testing.TB, keys ...configopaque.String) *sealer {
	t.Helper()
	masters, err := decodeKeys(keys)
	require.NoError(t, err)
	s, err := newSealer(masters...)
	require.NoError(t, err)
	return s
}

// TestSealedFormIsFrozen opens a value that an earlier build stored. If it fails, the code is wrong: state on disks
// would be lost.
func TestSealedFormIsFrozen(t *testing.T) {
	stored, err := hex.DecodeString(frozenValue)
	require.NoError(t, err)
	key, value, err := testSealer(t, testKey).open("extension example", "name", stored)
	require.NoError(t, err)
	assert.Equal(t, "key", key)
	assert.Equal(t, "frozen value", string(value))
}

const frozenValue = "01d8884dc1d598bd96cbcdb7c375b29a36b294950a33e2a5c9bb370c15a36a4b2dbca1cc96c98c18408608f0b5fcc48a643af0f47e47236cc864fa157207e18fc6"

func TestEveryBytePlaysItsPart(t *testing.T) {
	s := testSealer(t, testKey)
	sealed, err := s.seal("owner", "name", "key", []byte("value"))
	require.NoError(t, err)
	refused := func(want reason, owner, name string, b []byte) {
		t.Helper()
		_, value, err := s.open(owner, name, b)
		var failure *openError
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, want, failure.reason)
		assert.Nil(t, value)
	}
	for i := range sealed {
		b := bytes.Clone(sealed)
		b[i] ^= 1
		want := reasonForged
		switch {
		case i == 0:
			want = reasonMalformed
		case i < headSize:
			want = reasonUnknownKey
		}
		refused(want, "owner", "name", b)
	}
	for n := range sealed {
		want := reasonForged
		if n < headSize+seal.NonceSize {
			want = reasonMalformed
		}
		refused(want, "owner", "name", sealed[:n])
	}
	refused(reasonForged, "other", "name", sealed)
	refused(reasonForged, "owner", "other", sealed)
	refused(reasonForged, "owne", "rname", sealed)
	refused(reasonMalformed, "owner", "name", []byte("a value in clear, from before the sealing"))
	s = testSealer(t, otherKey)
	refused(reasonUnknownKey, "owner", "name", sealed)
}

func TestKeysOpenInTurn(t *testing.T) {
	old, err := testSealer(t, testKey).seal("owner", "name", "key", []byte("value"))
	require.NoError(t, err)
	s := testSealer(t, otherKey, testKey, otherKey)
	assert.Len(t, s.keys, 2)
	_, value, err := s.open("owner", "name", old)
	require.NoError(t, err)
	assert.Equal(t, "value", string(value))
	again, err := s.seal("owner", "name", "key", []byte("value"))
	require.NoError(t, err)
	assert.NotEqual(t, old[:headSize], again[:headSize], "the new key seals")
}

func FuzzOpen(f *testing.F) {
	s := testSealer(f, testKey)
	good, err := s.seal("owner", "name", "key", []byte("value"))
	require.NoError(f, err)
	f.Add(good)
	f.Add(good[:headSize+seal.NonceSize])
	f.Add([]byte{version})
	f.Fuzz(func(t *testing.T, b []byte) {
		// Each fuzzing process seals its own seed; nothing else can open.
		if key, value, err := s.open("owner", "name", b); err == nil && (key != "key" || string(value) != "value") {
			t.Fatalf("opened %x", b)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	s, value := testSealer(b, testKey), make([]byte, 1024)
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = s.seal("owner", "name", "key", value)
	}
}

func BenchmarkOpen(b *testing.B) {
	s := testSealer(b, testKey)
	sealed, err := s.seal("owner", "name", "key", make([]byte, 1024))
	require.NoError(b, err)
	b.SetBytes(1024)
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = s.open("owner", "name", sealed)
	}
}
