package fingerprint

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.yaml.in/yaml/v3"
)

const sum32 = "00112233445566778899aabbccddeeff"

func TestTextFormOfIDs(t *testing.T) {
	good := func(s string, kind Kind, epoch uint16) {
		t.Helper()
		id, err := ParseID(s)
		require.NoError(t, err)
		assert.Equal(t, kind, id.Kind)
		assert.Equal(t, epoch, id.Epoch)
		assert.Equal(t, s, id.String())
	}
	good("kt1_"+sum32, Credential, 1)
	good("kc12_"+sum32, CredentialID, 12)
	good("kp65535_"+sum32, Principal, 65535)

	bad := func(s string) {
		t.Helper()
		id, err := ParseID(s)
		require.ErrorIs(t, err, errNotID)
		assert.True(t, id.IsZero())
	}
	bad("")
	bad("kt1")
	bad("kt_" + sum32)
	bad("kt0_" + sum32)
	bad("kt01_" + sum32)
	bad("kt+1_" + sum32)
	bad("kt65536_" + sum32)
	bad("kx1_" + sum32)
	bad("tt1_" + sum32)
	bad("kt1_" + strings.ToUpper(sum32))
	bad("kt1_" + sum32[:31])
	bad("kt1_" + sum32 + "0")
	bad(" kt1_" + sum32)
	bad("kt1_" + sum32[:30] + "zz")
	assert.Empty(t, ID{}.String())
}

func TestKindsAndEpochsNeverMeet(t *testing.T) {
	r, d := vectorRing(t), CredentialDigest([]byte("example"))
	seen := map[[sumLen]byte]string{}
	for _, k := range []Kind{Credential, CredentialID, Principal} {
		for _, id := range r.Live(k, d) {
			assert.NotContains(t, seen, id.Sum, "%s is also %s", id, seen[id.Sum])
			seen[id.Sum] = id.String()
		}
	}
	assert.Len(t, seen, 6)
	assert.PanicsWithValue(t, `fingerprint: kind 'x' is not one of t, c, p`, func() { r.Stamp('x', d) })
}

func TestJoinsAreUnambiguous(t *testing.T) {
	assert.NotEqual(t, IDDigest("a", "b", "c"), IDDigest("a", "bc", ""))
	assert.NotEqual(t, IDDigest("ab", "", "c"), IDDigest("a", "b", "c"))
	long := strings.Repeat("x", 1000)
	assert.Equal(t, CredentialDigest([]byte(long+"\x00i\x00d")), IDDigest(long, "i", "d"), "a long part takes the same way")
}

// What must not be printed is tried with everything that prints.
func TestSecretsAndDigestsDoNotPrint(t *testing.T) {
	const plain = "canary-canary-canary-canary-1234"
	d := Digest([]byte(plain))
	values := map[string]any{
		"digest": d, "digest pointer": &d, "secret": secret(plain), "encoded": encodedSecret(plain),
		"in struct": struct{ D, S any }{d, secret(plain)}, "in slice": []Digest{d},
	}
	for name, v := range values {
		var out strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewJSONHandler(&out, nil)).Info("msg", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("msg", "v", v)
		logger := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&out), zap.DebugLevel))
		logger.Sugar().Infow("msg", "v", v)
		logger.Info("msg", zap.Any("v", v))
		b, err := json.Marshal(v)
		require.NoError(t, err)
		out.Write(b)
		if name != "encoded" { // writing YAML is what it is for, and it never leaves parse.go
			b, err = yaml.Marshal(v)
			require.NoError(t, err)
			out.Write(b)
		}
		assertNoCanary(t, name, out.String(), plain)
	}
}

func assertNoCanary(t *testing.T, name, out, plain string) {
	t.Helper()
	decimal := strings.Trim(fmt.Sprintf("%d", []byte(plain[:4])), "[]")
	for _, form := range []string{plain[:8], fmt.Sprintf("%x", plain[:4]), fmt.Sprintf("%X", plain[:4]), decimal, strings.ReplaceAll(decimal, " ", ","), "Y2FuYXJ5"} {
		assert.NotContains(t, out, form, name)
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("kt1_" + sum32)
	f.Add("kp65535_" + sum32)
	f.Add("kt01_" + sum32)
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err != nil {
			if !id.IsZero() || strings.Contains(err.Error(), s) && len(s) > 12 {
				t.Fatalf("an error gives an id or repeats its input: %v %v", id, err)
			}
			return
		}
		if id.String() != s {
			t.Fatalf("%q reads as %q", s, id)
		}
	})
}
