package archive

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// age gives objects the time of the story, which the file system does not know.
func age(t testing.TB, b *store, prefix string, at time.Time) {
	t.Helper()
	for _, k := range list(t, b, prefix) {
		require.NoError(t, os.Chtimes(filepath.Join(b.Path(), filepath.FromSlash(k)), at, at))
	}
}

func digest(t testing.TB, b bucket.Bucket, s *Signer, now time.Time) DigestReport {
	t.Helper()
	r, err := Digest(t.Context(), b, s, now)
	require.NoError(t, err)
	return r
}

func verify(t testing.TB, b bucket.Bucket, now time.Time, trusted ...PublicKey) *VerifyReport {
	t.Helper()
	r, err := Verify(t.Context(), b, VerifyOptions{Now: now, Trusted: trusted})
	require.NoError(t, err)
	return r
}

// chain is an archive with three digests in a row.
func chain(t testing.TB) (*store, *Signer) {
	t.Helper()
	b, w := town(t)
	signer := newSigner(t)
	age(t, b, "", today.Add(-3*time.Hour))
	first := digest(t, b, signer, today)
	require.Equal(t, "_digest/2026-11-23/10.json", first.Key)
	require.Equal(t, 3, countPrefix(t, b, commitPrefix))
	require.Equal(t, 9, first.Blocks)
	write(t, w, 4, owned(600, today, ben, 2))
	age(t, b, commitPrefix+"2026-11-23/"+writerA+"-000000000004", today.Add(20*time.Minute))
	second := digest(t, b, signer, today.Add(time.Hour+digestSettle))
	require.Equal(t, "_digest/2026-11-23/12.json", second.Key)
	require.Equal(t, 1, second.Objects)
	third := digest(t, b, signer, today.Add(2*time.Hour+digestSettle))
	require.Zero(t, third.Objects, "an hour without an object has a digest too")
	require.Empty(t, digest(t, b, signer, today.Add(2*time.Hour+digestSettle)).Key, "no hour has ended since")
	require.Empty(t, verify(t, b, today.Add(3*time.Hour)).Problems)
	return b, signer
}

func countPrefix(t testing.TB, b bucket.Bucket, prefix string) int { return len(list(t, b, prefix)) }

func TestVerifyFindsWhatWasTamperedWith(t *testing.T) {
	for name, c := range map[string]struct {
		tamper func(t *testing.T, b *store)
		kind   ProblemKind
	}{
		"a bit of a block": {func(t *testing.T, b *store) {
			key := list(t, b, dataPrefix)[0]
			data, err := b.GetRange(t.Context(), key, 0, -1)
			require.NoError(t, err)
			data[len(data)/2] ^= 1
			putBytes(t, b, key, data)
		}, ProblemChanged},
		"a block removed": {func(t *testing.T, b *store) {
			require.NoError(t, b.Delete(t.Context(), list(t, b, dataPrefix)[0]))
		}, ProblemMissing},
		"a commit removed with its blocks": {func(t *testing.T, b *store) {
			key := list(t, b, commitPrefix)[0]
			c, err := readCommit(t.Context(), b, key)
			require.NoError(t, err)
			for _, f := range c.Files {
				require.NoError(t, b.Delete(t.Context(), f.Key))
			}
			require.NoError(t, b.Delete(t.Context(), key))
		}, ProblemMissing},
		"a commit rewritten": {func(t *testing.T, b *store) {
			key := list(t, b, commitPrefix)[0]
			data, err := b.GetRange(t.Context(), key, 0, -1)
			require.NoError(t, err)
			putBytes(t, b, key, bytes.Replace(data, []byte(`"records":40`), []byte(`"records":39`), 1))
		}, ProblemChanged},
		"a class that keeps less": {func(t *testing.T, b *store) {
			putBytes(t, b, list(t, b, classPrefix)[0], []byte(`{"name":"full","keep":"24h","fields":["all"],"client_address":"keep","owner":"keep","headers":"keep","lock":"none"}`))
		}, ProblemChanged},
		"a digest removed": {func(t *testing.T, b *store) {
			require.NoError(t, b.Delete(t.Context(), "_digest/2026-11-23/12.json"))
		}, ProblemChain},
		"the first digest removed": {func(t *testing.T, b *store) {
			require.NoError(t, b.Delete(t.Context(), "_digest/2026-11-23/10.json"))
		}, ProblemChain},
		"a digest altered": {func(t *testing.T, b *store) {
			const key = "_digest/2026-11-23/12.json"
			data, err := b.GetRange(t.Context(), key, 0, -1)
			require.NoError(t, err)
			putBytes(t, b, key, bytes.Replace(data, []byte(`"size":`), []byte(`"size":1`), 1))
		}, ProblemSignature},
		"a commit slipped in": {func(t *testing.T, b *store) {
			data, err := b.GetRange(t.Context(), list(t, b, commitPrefix)[0], 0, -1)
			require.NoError(t, err)
			const key = commitPrefix + "2026-11-23/EVIL-000000000001.json"
			putBytes(t, b, key, data)
			age(t, b, key, today.Add(-4*time.Hour))
		}, ProblemUnlisted},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := chain(t)
			c.tamper(t, b)
			r := verify(t, b, today.Add(3*time.Hour))
			var kinds []ProblemKind
			for _, p := range r.Problems {
				kinds = append(kinds, p.Kind)
			}
			assert.Contains(t, kinds, c.kind, "%v", r.Problems)
		})
	}
}

func TestAForgerWithAKeyOfHisOwnIsFoundByThePinnedOne(t *testing.T) {
	b, signer := chain(t)
	own, err := ParsePublicKey(signer.Public())
	require.NoError(t, err)
	require.Empty(t, verify(t, b, today.Add(3*time.Hour), own).Problems)

	for _, k := range list(t, b, digestPrefix) {
		require.NoError(t, b.Delete(t.Context(), k))
	}
	digest(t, b, newSigner(t), today.Add(2*time.Hour+digestSettle))
	assert.Empty(t, verify(t, b, today.Add(3*time.Hour)).Problems, "the archive's word alone cannot tell")
	problems := verify(t, b, today.Add(3*time.Hour), own).Problems
	require.NotEmpty(t, problems)
	assert.Equal(t, ProblemSignature, problems[0].Kind)
}

func TestWhatRetentionAndErasureRemoveIsNotMissing(t *testing.T) {
	b, signer := chain(t)
	erase(t, b, EraseOptions{Owner: anna, Signer: signer})
	require.Empty(t, verify(t, b, today.Add(3*time.Hour)).Problems, "what the digest of the next hour will list is not listed yet")
	later := time.Now().Add(2 * time.Hour)
	digest(t, b, signer, later)
	require.Empty(t, verify(t, b, later).Problems)

	after := today.Add(30 * 24 * time.Hour)
	_, err := Sweep(t.Context(), b, after)
	require.NoError(t, err)
	require.Empty(t, verify(t, b, after).Problems)
}

func TestTheSigningKeyIsItsOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "key.pem")
	made, err := CreateSigner(path)
	require.NoError(t, err)
	_, err = CreateSigner(path)
	require.ErrorIs(t, err, os.ErrExist)
	loaded, err := LoadSigner(path)
	require.NoError(t, err)
	assert.Equal(t, made.ID(), loaded.ID())
	require.NoError(t, os.Chmod(path, 0o644))
	_, err = LoadSigner(path)
	require.ErrorContains(t, err, "0644")
	require.NoError(t, os.WriteFile(path, []byte("no key"), 0o600))
	require.NoError(t, os.Chmod(path, 0o600))
	_, err = LoadSigner(path)
	require.ErrorContains(t, err, "PEM")
}

func TestProveFindsWhatShouldBeGoneAndWhatShouldBeThere(t *testing.T) {
	b, _ := town(t)
	prove := func(now time.Time) []Violation {
		p, err := Prove(t.Context(), b, now)
		require.NoError(t, err)
		return p.Violations
	}
	require.Empty(t, prove(today))
	over := today.Add(8*24*time.Hour + 12*time.Hour + proveGrace)
	planted := prove(over)
	require.NotEmpty(t, planted, "full has ended and nobody has swept")
	for _, v := range planted {
		assert.Equal(t, ViolationExpired, v.Kind)
		assert.Contains(t, v.Key, "class=full")
	}
	_, err := Sweep(t.Context(), b, over)
	require.NoError(t, err)
	require.Empty(t, prove(over))

	require.NoError(t, b.Delete(t.Context(), list(t, b, dataPrefix+"class=trail")[0]))
	lost := prove(over)
	require.Len(t, lost, 1)
	assert.Equal(t, ViolationLost, lost[0].Kind)

	putBytes(t, b, dataPrefix+"class=trail/dt=2026-11-23/planted.parquet", []byte("x"))
	age(t, b, dataPrefix+"class=trail/dt=2026-11-23/planted", today)
	assert.Contains(t, kindsOf(prove(over)), ViolationOrphan)
}

func kindsOf(l []Violation) (out []ViolationKind) {
	for _, v := range l {
		out = append(out, v.Kind)
	}
	return out
}

func FuzzPublicKey(f *testing.F) {
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if k, err := ParsePublicKey(text); err == nil {
			require.True(t, validKeyID(k.ID))
		}
	})
}
