package fingerprint

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// vectorRing is testdata/ring.yaml in July 2026: epoch 2 stamps, epoch 1 is previous.
func vectorRing(t testing.TB) *Ring {
	t.Helper()
	data, err := os.ReadFile("testdata/ring.yaml")
	require.NoError(t, err)
	r, err := Parse(data, time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	return r
}

// TestVectors pins the derivation. If it fails, the code is wrong, never the file: stored fingerprints do not change.
func TestVectors(t *testing.T) {
	r := vectorRing(t)
	f, err := os.Open("testdata/vectors.txt")
	require.NoError(t, err)
	defer f.Close()
	seen := map[string]int{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		w := words(t, line)
		seen[w[0]]++
		checkVector(t, r, line, w)
	}
	for _, what := range []string{"check", "credential", "id", "principal", "body", "derive"} {
		assert.NotZero(t, seen[what], "the file has no vector of kind %s", what)
	}
}

func checkVector(t *testing.T, r *Ring, line string, w []string) {
	t.Helper()
	pair := func(k Kind, d Digest, epoch1, epoch2 string) {
		t.Helper()
		previous, ok := r.Previous(k, d)
		assert.True(t, ok)
		assert.Equal(t, []string{epoch1, epoch2, epoch1}, []string{previous.String(), r.Stamp(k, d).String(), r.Oldest(k, d).String()}, line)
		assert.Equal(t, []ID{r.Stamp(k, d), previous}, r.Live(k, d), line)
		assert.Equal(t, IDs{Stamp: r.Stamp(k, d), Previous: previous, Oldest: r.Oldest(k, d)}, r.IDs(k, d), line)
		parsed, err := ParseID(epoch2)
		assert.NoError(t, err, line)
		assert.Equal(t, r.Stamp(k, d), parsed, line)
	}
	switch w[0] {
	case "check":
		n, _ := strconv.Atoi(w[1])
		e, ok := r.Epoch(n)
		assert.True(t, ok)
		assert.Equal(t, w[2], e.Check, line)
	case "credential":
		pair(Credential, CredentialDigest([]byte(w[1])), w[2], w[3])
		pair(Credential, DigestFromSum(sha256.Sum256([]byte(w[1]))), w[2], w[3])
	case "id":
		pair(CredentialID, IDDigest(w[1], w[2], w[3]), w[4], w[5])
	case "principal":
		pair(Principal, PrincipalDigest(w[1], w[2], w[3]), w[4], w[5])
	case "body":
		assert.Equal(t, w[2], r.BodyDigest(sha256.Sum256([]byte(w[1]))), line)
	case "derive":
		d, err := r.Derive(w[1])
		require.NoError(t, err)
		require.Len(t, d, 2)
		assert.Equal(t, []string{w[3], w[2]}, []string{hex.EncodeToString(d[0].Key), hex.EncodeToString(d[1].Key)}, line)
	default:
		t.Errorf("unknown vector %q", line)
	}
}

// words splits a line at spaces; a word in double quotes is a Go string.
func words(t *testing.T, line string) (all []string) {
	t.Helper()
	for line != "" {
		if strings.HasPrefix(line, `"`) {
			quoted, err := strconv.QuotedPrefix(line)
			require.NoError(t, err)
			word, err := strconv.Unquote(quoted)
			require.NoError(t, err)
			all, line = append(all, word), strings.TrimPrefix(line[len(quoted):], " ")
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		all, line = append(all, word), rest
	}
	return all
}
