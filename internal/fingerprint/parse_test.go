package fingerprint

import (
	"encoding/base64"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var summer = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)

func ringText(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("testdata/ring.yaml")
	require.NoError(t, err)
	return string(data)
}

func TestBadRingsAreExplained(t *testing.T) {
	const secret1 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	text := ringText(t)
	require.Contains(t, text, secret1)
	bad := func(old, replacement, want string) {
		t.Helper()
		changed := strings.Replace(text, old, replacement, 1)
		require.NotEqual(t, text, changed)
		_, err := Parse([]byte(changed), summer)
		require.EqualError(t, err, want)
		assert.NotContains(t, err.Error(), secret1[:8])
	}
	bad("ring: vectors", "ring: ''", "`ring` must be 1 to 64 letters, digits, - or _")
	bad("ring: vectors", "ring: a/../b", "`ring` must be 1 to 64 letters, digits, - or _")
	bad(text[strings.Index(text, "keys:"):], "", "`keys` must hold at least one epoch")
	bad("epoch: 1", "epoch: 0", "keys[0]: `epoch` must be between 1 and 65535, found 0")
	bad("epoch: 2", "epoch: 65536", "keys[1]: `epoch` must be between 1 and 65535, found 65536")
	bad("epoch: 1", "epoch: 3", "keys[0]: `kcv` must be that of the secret (eed5931e7fa4bf32), found \"ec6885d4c20dfaeb\"")
	bad("epoch: 2", "epoch: 1", "keys[1]: `kcv` must be that of the secret (47c51503d34fb677), found \"8b2dd9931d849857\"")
	bad("kcv: ec6885d4c20dfaeb", "kcv: ''", "keys[0]: `kcv` must be that of the secret (ec6885d4c20dfaeb), found \"\"")
	bad("kcv: ec6885d4c20dfaeb", "kcv: "+secret1, "keys[0]: `kcv` must be that of the secret (ec6885d4c20dfaeb), found \"44 bytes\"")
	bad(secret1, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", "keys[0]: `secret` must be 32 to 1024 bytes, found 31")
	bad(secret1, "not base64 !", "keys[0]: `secret` must be base64")
	bad("secret: "+secret1, "", "keys[0]: `secret` must be 32 to 1024 bytes, found 0")
	bad(secret1, strings.Repeat("A", 43)+"=", "keys[0]: `secret` must be random, found one byte repeated")
	bad("    not_before: 2026-01-01T00:00:00Z\n", "", "keys[0]: `not_before` must be a time")
	bad("not_before: 2026-06-01T00:00:00Z", "not_before: 2025-06-01T00:00:00Z",
		"keys[1]: `not_before` must not be before that of epoch 1 (2026-01-01T00:00:00Z), found 2025-06-01T00:00:00Z")
	bad("created: 2026-01-01T00:00:00Z", "destroyed: 2026-01-01T00:00:00Z", "keys[0]: `secret` must be absent from a destroyed epoch")
	// The YAML library quotes the file in its errors; ours name a line.
	bad("epoch: 1", "epoch: "+secret1, "not a key ring: wrong type, unknown key or bad YAML at line 4")
	bad("secret: "+secret1, secret1+": secret", "not a key ring: wrong type, unknown key or bad YAML at line 5")
	bad("secret: "+secret1, "secret: *"+secret1[:20], "not a key ring: empty or bad YAML")
	bad("not_before: 2026-01", "not_befor: 2026-01", "not a key ring: wrong type, unknown key or bad YAML at line 8")
	bad("ring: vectors", "---\nring: vectors\n---\nring: two", "not a key ring: more than one YAML document")
	_, err := Parse(nil, summer)
	require.EqualError(t, err, "not a key ring: empty or bad YAML")
}

func TestEpochsMustBeDistinct(t *testing.T) {
	one := newKey(1, summer, summer)
	two := &key{epoch: 2, secret: one.secret, check: checkValue(one.secret, 2), created: summer, notBefore: summer}
	parse := func(keys ...*key) error {
		data, err := encodeRing("test", keys)
		require.NoError(t, err)
		_, err = Parse(data, summer)
		return err
	}
	require.EqualError(t, parse(one, two), "keys[1]: `secret` must differ from that of epoch 1")
	require.EqualError(t, parse(one, one), "keys[1]: `epoch` must be above the one before (1), found 1")
	one.secret, one.marks.Destroyed = nil, summer
	require.EqualError(t, parse(one), "`keys` holds no epoch that is not destroyed")
	require.NoError(t, parse(one, two))
}

func TestRingSurvivesItsFile(t *testing.T) {
	r := vectorRing(t)
	r.keys[0].marks.Retired = summer
	data, err := encodeRing(r.id, r.keys)
	require.NoError(t, err)
	again, err := Parse(data, summer)
	require.NoError(t, err)
	assert.Equal(t, newRing(r.id, r.keys, summer).Epochs(), again.Epochs())
	assert.Equal(t, summer, again.Epochs()[1].Retired)
	assert.Contains(t, string(data), ringHeader)
}

// FuzzParse looks for a panic, and for a byte of the file in an error.
func FuzzParse(f *testing.F) {
	f.Add([]byte(ringText(f)))
	f.Add([]byte("ring: x\nkeys: [{epoch: 1}]"))
	f.Add([]byte("keys: &a [*a]"))
	const canary = "Q0FOQVJZ"
	f.Add([]byte("ring: x\nkeys: [{epoch: " + canary + "}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse(data, summer)
		if err != nil {
			if strings.Contains(err.Error(), canary) {
				t.Fatalf("the error quotes the file: %v", err)
			}
			return
		}
		if r.Stamp(Credential, Digest{}).IsZero() || len(r.Live(Credential, Digest{})) == 0 {
			t.Fatal("a ring that does not stamp")
		}
		for _, k := range r.keys {
			if k.secret != nil && len(k.secret) < minSecret {
				t.Fatal("a short key")
			}
		}
		b, err := encodeRing(r.id, r.keys)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(b, summer); err != nil {
			t.Fatalf("a good ring is refused after writing: %v", err)
		}
	})
}

func TestSecretIsWrittenWhole(t *testing.T) {
	k := newKey(1, summer, summer)
	data, err := encodeRing("test", []*key{k})
	require.NoError(t, err)
	assert.Contains(t, string(data), base64.StdEncoding.EncodeToString(k.secret))
	assert.Len(t, k.secret, minSecret)
}
