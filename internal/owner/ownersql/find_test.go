package ownersql

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/owner"
)

func hashOf(token string) owner.Keys {
	return owner.Keys{SHA256: sha256.Sum256([]byte(token)), HasSHA256: true}
}

func find(t *testing.T, db *DB, k owner.Keys) *owner.Row {
	t.Helper()
	r, err := db.Find(t.Context(), k)
	require.NoError(t, err)
	return r
}

func TestFindByEachFormOfAHash(t *testing.T) {
	token := dummyToken()
	sum := sha256.Sum256([]byte(token))
	f := newFile(t, "CREATE TABLE t (raw BLOB, hex TEXT, b64 TEXT)", fmt.Sprintf("INSERT INTO t VALUES (x'%[1]s', '%[1]s', '%s')",
		hex.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(sum[:])))
	for _, where := range []string{"raw = :sha256", "hex = :sha256_hex", "b64 = :sha256_base64"} {
		db := f.open(Config{LookupQuery: "SELECT 'x' AS owner_id FROM t WHERE " + where})
		r := find(t, db, hashOf(token))
		require.Equal(t, "x", r.OwnerID, where)
		require.Equal(t, fingerprint.DigestFromSum(sum), r.Digest, "the key asked by is the row's, though the query leaves it out")
		require.Nil(t, find(t, db, hashOf(dummyToken())))
		require.Nil(t, find(t, db, owner.Keys{CredentialID: "x"}), "it has no hash to ask by")
		require.EqualValues(t, 2, db.Stats().Lookups)
	}
}

func TestFindByClaims(t *testing.T) {
	f := newFile(t, "CREATE TABLE t (iss TEXT, sub TEXT, owner TEXT)",
		"INSERT INTO t VALUES ('https://a.example', 'svc', 'one')", "INSERT INTO t VALUES ('https://b.example', 'svc', 'two')")
	db := f.open(Config{LookupQuery: "SELECT owner AS owner_id FROM t WHERE iss = :jwt_issuer AND sub = :jwt_subject"})
	r := find(t, db, owner.Keys{JWTIssuer: "https://b.example", JWTSubject: "svc"})
	require.Equal(t, []string{"two", "https://b.example", "svc"}, []string{r.OwnerID, r.JWTIssuer, r.JWTSubject})
	require.Nil(t, find(t, db, owner.Keys{JWTIssuer: "https://a.example"}), "an issuer alone names nobody")

	careless := f.open(Config{LookupQuery: "SELECT owner AS owner_id, iss AS jwt_issuer, sub AS jwt_subject FROM t WHERE sub = :jwt_subject LIMIT 1"})
	require.Nil(t, find(t, careless, owner.Keys{JWTIssuer: "https://b.example", JWTSubject: "svc"}), "the subject of another issuer")
}

// What a database calls equal may be another token's.
func TestARowOfAnotherTokenIsNoAnswer(t *testing.T) {
	f := newFile(t, "CREATE TABLE t (id TEXT COLLATE NOCASE, hash TEXT)", "INSERT INTO t VALUES ('Key', '"+hexSum("dummy")+"')")
	db := f.open(Config{LookupQuery: "SELECT id AS credential_id, hash AS sha256, 'x' AS owner_id FROM t WHERE id = :credential_id OR hash = :sha256_hex"})
	require.NotNil(t, find(t, db, owner.Keys{CredentialID: "Key"}))
	require.Nil(t, find(t, db, owner.Keys{CredentialID: "key"}))
	require.EqualValues(t, 1, db.Stats().Foreign)
	both := hashOf("dummy")
	both.CredentialID = "other"
	require.NotNil(t, find(t, db, both), "one of the keys is enough")
}

func TestRefusedLookups(t *testing.T) {
	f := newFile(t, "CREATE TABLE t (id TEXT, owner TEXT)", "INSERT INTO t VALUES ('twice', 'a')", "INSERT INTO t VALUES ('twice', 'b')", "INSERT INTO t VALUES ('once', NULL)")
	refuse := func(query, key string, reason Reason, want string) {
		t.Helper()
		_, err := f.open(Config{LookupQuery: query}).Find(t.Context(), owner.Keys{CredentialID: key})
		require.ErrorContains(t, err, want)
		require.Equal(t, reason, ReasonOf(err))
	}
	query := "SELECT owner AS owner_id FROM t WHERE id = :credential_id"
	refuse(query, "twice", BadRow, "`lookup_query` must return at most one row, found more")
	refuse(query, "once", BadRow, "`lookup_query` returns a bad row: needs `owner_id`")
	refuse("SELECT owner AS name FROM t WHERE id = :credential_id", "once", BadColumn, "column 1 is not one of")
	refuse("SELECT 'x' AS owner_id FROM t WHERE id = :credential_id OR owner = :sha256_hex", "once", BadRow, "needs one of `fingerprint`")
	refuse("SELECT 'x' AS owner_id FROM nowhere WHERE id = :credential_id", "once", BadQuery, "(SQLite 1)")
	_, err := f.open(Config{Query: "SELECT 1"}).Find(t.Context(), owner.Keys{})
	require.ErrorContains(t, err, "`lookup_query` is not set")
}

func TestFindAndLoadTogether(t *testing.T) {
	f := newFile(t, tokens, row("a", "one", "2026-11-23 11:00:00"))
	db := f.open(Config{Query: every, UpdatedQuery: changed, LookupQuery: every + " WHERE id = :credential_id", MaxConns: 2})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				if r, err := db.Find(t.Context(), owner.Keys{CredentialID: "a"}); err != nil || r == nil {
					t.Error(r, err)
				}
				if _, _, err := db.Load(t.Context(), "", func(*owner.Row) error { return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, db.sql.Stats().OpenConnections, 2)
}
