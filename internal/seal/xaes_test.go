package seal

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The vectors of the C2SP specification; the two keys take the two ways of the subkey's carry.
func TestXAESVectors(t *testing.T) {
	check := func(key byte, aad, want string) {
		t.Helper()
		x, err := newXAES(bytes.Repeat([]byte{key}, KeySize))
		require.NoError(t, err)
		nonce := [NonceSize]byte([]byte("ABCDEFGHIJKLMNOPQRSTUVWX"))
		sealed, err := x.sealWith(nonce, nil, []byte("XAES-256-GCM"), []byte(aad))
		require.NoError(t, err)
		assert.Equal(t, want, hex.EncodeToString(sealed))
		plain, err := x.open(append(nonce[:], sealed...), []byte(aad))
		require.NoError(t, err)
		assert.Equal(t, "XAES-256-GCM", string(plain))
	}
	check(1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271")
	check(3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d")
}
