package owner

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

func on(day string) time.Time {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	return t
}

// ownerOf says who owned the gateway's credential k on a day.
func ownerOf(x *Index, day string) string {
	var f Facts
	x.ByCredentialID("k", on(day), &f)
	return f.Text[OwnerID]
}

func TestAnOldEventKeepsItsOldOwner(t *testing.T) {
	x := NewIndex(parse(t, CSV, "credential_id,owner_id,valid_from,valid_until\n"+
		"k,second,2026-02-01,2026-03-01\nk,first,,2026-02-01\nk,fourth,2026-04-01,\n"), loadRing(t, newRing(t)))
	for day, want := range map[string]string{
		"2020-01-01": "first", "2026-01-31": "first", "2026-02-01": "second", "2026-02-28": "second",
		"2026-03-01": "", "2026-03-31": "", "2026-04-01": "fourth", "2030-01-01": "fourth",
	} {
		require.Equal(t, want, ownerOf(x, day), day)
	}
}

func TestTheKeysOfAJWTAndOfAFormat(t *testing.T) {
	x := NewIndex(parse(t, YAML, `
- {jwt_issuer: https://idp.example, jwt_subject: alice, owner_id: by-subject}
- {jwt_issuer: https://idp.example, jwt_client_id: app, owner_id: by-client}
- {jwt_issuer: https://idp.example, jwt_id: t-1, owner_id: by-id, token_name: one}
- {token_format: github_pat, owner_id: developers, token_name: any}
`), loadRing(t, newRing(t)))
	who := func(k Keys) string {
		var f Facts
		x.ByJWT(&k, loaded, &f)
		return f.Text[OwnerID]
	}
	const idp = "https://idp.example"
	require.Equal(t, "by-subject", who(Keys{JWTIssuer: idp, JWTSubject: "alice", JWTClientID: "app"}))
	require.Equal(t, "by-client", who(Keys{JWTIssuer: idp, JWTSubject: "bob", JWTClientID: "app"}))
	require.Equal(t, "by-id", who(Keys{JWTIssuer: idp, JWTSubject: "alice", JWTID: "t-1"}))
	require.Empty(t, who(Keys{JWTIssuer: "https://other.example", JWTSubject: "alice"}))
	require.Empty(t, who(Keys{JWTSubject: "alice"}), "a name without its issuer is anybody's")

	var f Facts
	require.True(t, x.ByFormat("github_pat", loaded, &f))
	require.Equal(t, "developers", f.Text[OwnerID])
	require.Empty(t, f.Text[TokenName], "a default knows nothing of the token itself")
	require.False(t, x.ByFormat("jwt", loaded, &f))
}

// changed gives d the rows of an incremental load.
func changed(t testing.TB, d *Directory, rows string) *Directory {
	t.Helper()
	b := newBuilder()
	news, err := b.finish(readRows(CSV, []byte("credential_id,owner_id,valid_from,valid_until\n"+rows), b.add))
	require.NoError(t, err)
	out, err := d.changed(news, loaded)
	require.NoError(t, err)
	return out
}

func TestAnIncrementalLoadKeepsThePast(t *testing.T) {
	ring := loadRing(t, newRing(t))
	d := parse(t, CSV, "credential_id,owner_id,valid_from\nk,first,\nother,o,\n")
	x := NewIndex(d, ring)

	d = changed(t, d, "k,renamed,,\n")
	x = d.index(ring, x)
	require.Equal(t, "renamed", ownerOf(x, "2026-01-01"), "a row without a beginning is a correction")

	d = changed(t, d, "k,second,2026-02-01,\n")
	x = d.index(ring, x)
	d = changed(t, d, "k,third,2026-03-01,\nnew,n,,\n")
	x = d.index(ring, x)
	require.Equal(t, "renamed", ownerOf(x, "2026-01-31"))
	require.Equal(t, "second", ownerOf(x, "2026-02-28"), "its open end closed where the next began")
	require.Equal(t, "third", ownerOf(x, "2026-03-01"))

	d = changed(t, d, "k,second again,2026-02-01,2026-03-01\n")
	x = d.index(ring, x)
	require.Equal(t, "second again", ownerOf(x, "2026-02-15"))
	require.Equal(t, "third", ownerOf(x, "2026-03-01"), "what it does not overlap stays")

	var f Facts
	require.True(t, x.ByCredentialID("other", loaded, &f), "what did not change stays")
	require.True(t, x.ByCredentialID("new", loaded, &f))
	require.Equal(t, 7, x.Len())
}

func TestAnIncrementalLoadReplacesByEveryKindOfKey(t *testing.T) {
	ring := loadRing(t, newRing(t))
	token := dummyToken()
	id := ring.Stamp(fingerprint.Credential, fingerprint.CredentialDigest([]byte(token)))
	d := parse(t, YAML, "- {sha256: %s, owner_id: a, token_name: t}", hexSum(token))
	x := NewIndex(d, ring)
	b := newBuilder()
	news, err := b.finish(readRows(YAML, fmt.Appendf(nil, "- {sha256: %s, owner_id: a, revoked_at: 2026-01-01}", hexSum(token)), b.add))
	require.NoError(t, err)
	d, err = d.changed(news, loaded)
	require.NoError(t, err)
	x = d.index(ring, x)
	var f Facts
	require.True(t, x.ByID(id, loaded, &f))
	require.Equal(t, "revoked", f.State(loaded))
	require.Empty(t, f.Text[TokenName], "a new row is the whole of what is known")
}

func TestRowsOfManyChunksAreFound(t *testing.T) {
	ring := loadRing(t, newRing(t))
	b := newBuilder()
	long := string(make([]byte, 0, MaxFieldBytes))
	for len(long) < MaxFieldBytes {
		long += "x"
	}
	const n = 10_000
	for i := range n {
		require.NoError(t, b.add(&Row{CredentialID: fmt.Sprint("k", i), OwnerID: fmt.Sprint("o", i), OwnerName: long}))
	}
	tbl, err := b.finish(nil)
	require.NoError(t, err)
	require.Greater(t, len(tbl.chunks), 4)
	x := NewIndex((&Directory{}).whole(tbl, loaded), ring)
	for i := range n {
		var f Facts
		require.True(t, x.ByCredentialID(fmt.Sprint("k", i), loaded, &f))
		require.Equal(t, fmt.Sprint("o", i), f.Text[OwnerID])
		require.Len(t, f.Text[OwnerName], MaxFieldBytes)
	}
}

func TestAKeyHasBoundedRanges(t *testing.T) {
	rows := "credential_id,owner_id,valid_from,valid_until\n"
	for i := range maxRanges + 1 {
		day := on("2026-01-01").AddDate(0, 0, i)
		rows += fmt.Sprintf("k,o,%s,%s\n", day.Format(time.DateOnly), day.AddDate(0, 0, 1).Format(time.DateOnly))
	}
	_, err := Parse(CSV, []byte(rows), loaded)
	require.EqualError(t, err, "line 66: `credential_id` must be that of at most 64 rows")
}
