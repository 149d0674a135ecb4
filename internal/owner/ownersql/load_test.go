package ownersql

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/owner"
)

const (
	tokens  = "CREATE TABLE tokens (id TEXT, owner TEXT, changed DATETIME)"
	every   = "SELECT id AS credential_id, owner AS owner_id, changed AS updated_at FROM tokens"
	changed = every + " WHERE changed > :since"
)

func row(id, owner, at string) string {
	return fmt.Sprintf("INSERT INTO tokens VALUES ('%s', '%s', '%s')", id, owner, at)
}

func TestSQLiteValuesBecomeFields(t *testing.T) {
	token := dummyToken()
	f := newFile(t, "CREATE TABLE t (hash BLOB, hex TEXT, n INTEGER, at DATETIME, unix INTEGER, ms INTEGER, real REAL, scopes TEXT, absent TEXT)",
		fmt.Sprintf("INSERT INTO t VALUES (x'%[1]s', '%[1]s', 17, '2026-01-02 03:04:05', 1767323045, 1767323045250, 1767323045.5, '[\"a\",\"b\"]', NULL)", hexSum(token)))
	db := f.open(Config{Query: "SELECT hash AS SHA256, n AS credential_id, n AS owner_id, absent AS owner_name, at AS created_at, unix AS expires_at, " +
		"ms AS revoked_at, real AS valid_from, 0 AS valid_until, scopes AS token_scopes FROM t"})
	r := loadAll(t, db, "").rows[0]
	require.Equal(t, fingerprint.DigestFromSum(sha256.Sum256([]byte(token))), r.Digest)
	require.Equal(t, "17", r.OwnerID)
	require.Empty(t, r.OwnerName)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	require.Equal(t, []time.Time{at, at, at.Add(250 * time.Millisecond), at.Add(500 * time.Millisecond), {}},
		[]time.Time{r.CreatedAt, r.ExpiresAt, r.RevokedAt, r.ValidFrom, r.ValidUntil})
	require.Equal(t, []string{"a", "b"}, r.TokenScopes)

	text := loadAll(t, f.open(Config{Query: "SELECT upper(hex) AS sha256, 'x' AS owner_id FROM t"}), "").rows[0]
	require.Equal(t, r.Digest, text.Digest)
}

func TestChangesComeAloneAndOnce(t *testing.T) {
	f := newFile(t, tokens, row("a", "one", "2026-11-23 11:00:00"), row("b", "one", "2026-11-23 11:00:08"))
	db := f.open(Config{Query: every, UpdatedQuery: changed})
	now := noon
	db.now = func() time.Time { return now }

	first := loadAll(t, db, "")
	require.True(t, first.full)
	require.Len(t, first.rows, 2)
	idle := loadAll(t, db, first.mark)
	require.False(t, idle.full)
	require.Empty(t, idle.rows)
	require.Equal(t, first.mark, idle.mark, "nothing changed")

	f.exec(row("late", "two", "2026-11-23 11:00:01"), // committed after b, although stamped before
		"UPDATE tokens SET owner = 'three', changed = '2026-11-23 11:30:00' WHERE id = 'a'")
	second := loadAll(t, db, idle.mark)
	require.Equal(t, map[string]string{"a": "three", "late": "two"}, second.owners)
	require.Equal(t, Stats{Loads: 3, Rows: 4, Repeated: 3}, db.Stats()) // a and b of the idle load, b again

	again := loadAll(t, db, idle.mark)
	require.Equal(t, "three", again.owners["a"], "a caller that could not use the rows gets them again")

	f.exec("DELETE FROM tokens WHERE id = 'late'")
	require.Empty(t, loadAll(t, db, second.mark).rows)
	now = now.Add(DefaultFullEvery)
	full := loadAll(t, db, second.mark)
	require.True(t, full.full)
	require.Equal(t, map[string]string{"a": "three", "b": "one"}, full.owners, "a deleted row is missing from the next full load")
}

// A row stamped in the future must not hide all that changes until then.
func TestTheFutureDoesNotMoveTheMark(t *testing.T) {
	f := newFile(t, tokens, row("a", "one", "2026-11-23 11:00:00"), row("always", "one", "9999-12-31 00:00:00"))
	db := f.open(Config{Query: every, UpdatedQuery: changed})
	db.now = func() time.Time { return noon }
	first := loadAll(t, db, "")
	f.exec(row("b", "two", "2026-11-23 11:59:00"))
	require.Equal(t, map[string]string{"b": "two"}, loadAll(t, db, first.mark).owners)
}

func TestChangesByNumber(t *testing.T) {
	for _, c := range []struct {
		name          string
		old, low, new int64
	}{
		{"a counter", 5000, 4500, 5001},
		{"seconds", noon.Unix() - 100, noon.Unix() - 105, noon.Unix() - 99},
		{"milliseconds", noon.UnixMilli() - 100_000, noon.UnixMilli() - 105_000, noon.UnixMilli() - 99_999},
	} {
		t.Run(c.name, func(t *testing.T) {
			insert := "INSERT INTO tokens VALUES ('%s', 'x', %d)"
			f := newFile(t, "CREATE TABLE tokens (id TEXT, owner TEXT, changed INTEGER)", fmt.Sprintf(insert, "a", c.old))
			db := f.open(Config{Query: every, UpdatedQuery: changed})
			db.now = func() time.Time { return noon }
			first := loadAll(t, db, "")
			f.exec(fmt.Sprintf(insert, "low", c.low), fmt.Sprintf(insert, "new", c.new), fmt.Sprintf(insert, "old", c.low-2000_000))
			require.Equal(t, map[string]string{"low": "x", "new": "x"}, loadAll(t, db, first.mark).owners)
		})
	}
}

func TestWithoutChangesTheMarkStandsForTheContent(t *testing.T) {
	f := newFile(t, tokens, row("a", "one", ""), row("b", "two", ""))
	query := "SELECT id AS credential_id, owner AS owner_id FROM tokens"
	db := f.open(Config{Query: query})
	first := loadAll(t, db, "")
	turned := loadAll(t, f.open(Config{Query: query + " ORDER BY id DESC"}), first.mark)
	require.True(t, turned.full)
	require.Equal(t, first.mark, turned.mark)
	f.exec("UPDATE tokens SET owner = 'three' WHERE id = 'b'")
	require.NotEqual(t, first.mark, loadAll(t, db, first.mark).mark)
}

func TestAnEmptyTableIsReadWhole(t *testing.T) {
	f := newFile(t, tokens)
	db := f.open(Config{Query: every, UpdatedQuery: changed})
	empty := loadAll(t, db, "")
	require.True(t, empty.full)
	require.Empty(t, empty.mark)
	for _, mark := range []owner.Mark{"x", "1", "1 t", "1 x5", "sum:1:2", "99999999999999 t1"} {
		require.True(t, loadAll(t, db, mark).full, "%q is no mark of ours", mark)
	}
}

func TestRefusedLoads(t *testing.T) {
	canary := dummyToken()
	f := newFile(t, tokens, row(canary, "one", "x"))
	query := func(want string, reason Reason, text string) {
		t.Helper()
		db := f.open(Config{Query: text, MaxRows: 20})
		refused(t, db, reason, want)
		_, _, err := db.Load(t.Context(), "", func(*owner.Row) error { return nil })
		require.NotContains(t, err.Error(), canary)
	}
	query("its syntax, a table or a column is wrong (SQLite 1)", BadQuery, "SELECT nothing AS owner_id FROM tokens")
	query("it writes (SQLite 8)", BadQuery, "DELETE FROM tokens RETURNING owner AS owner_id")
	query("column 1 is not one of created_at", BadColumn, "SELECT '"+canary+"'")
	query("column `owner_id` stands twice", BadColumn, "SELECT owner AS owner_id, owner AS OWNER_ID FROM tokens")
	query("row 1: `sha256` must be 64", BadRow, "SELECT owner AS owner_id, id AS sha256 FROM tokens")
	query("row 1: `expires_at` must be a time, or the seconds", BadRow, "SELECT id AS credential_id, owner AS owner_id, 20261123 AS expires_at FROM tokens")
	query("row 1: `token_scopes` must be a list", BadRow, "SELECT id AS credential_id, owner AS owner_id, '[1]' AS token_scopes FROM tokens")
	query("row 1: needs `owner_id`", BadRow, "SELECT id AS credential_id FROM tokens")
	series := "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 30) "
	query("row 10: needs", BadRow, series+"SELECT n AS credential_id FROM s")
	query("must return at most 20 rows (`max_rows`)", TooMany, series+"SELECT n AS credential_id, n AS owner_id FROM s")
	refused(t, f.open(Config{Query: "SELECT id AS credential_id, owner AS owner_id FROM tokens", UpdatedQuery: changed}), BadColumn,
		"`query` must return the column `updated_at`")
	refused(t, f.open(Config{Query: every, UpdatedQuery: changed}), BadRow, "row 1: `updated_at` must be a time or an integer")
	_, _, err := f.open(Config{LookupQuery: every + " WHERE id = :credential_id"}).Load(t.Context(), "", nil)
	require.ErrorContains(t, err, "`query` is not set")
	require.Equal(t, map[string]string{canary: "one"}, loadAll(t, f.open(Config{Query: "SELECT id AS credential_id, owner AS owner_id FROM tokens"}), "").owners)
}

func TestFilesThatAreNoDatabase(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.db")
	db, err := Open(Config{Driver: SQLite, DSN: missing, Query: every})
	require.NoError(t, err, "it may come later")
	defer db.Close()
	refused(t, db, Unreachable, "cannot be reached (SQLite 14)")
	require.NoFileExists(t, missing)
	require.NoError(t, os.WriteFile(missing, []byte(strings.Repeat("not a database ", 100)), 0o600))
	refused(t, db, Unreachable, "the file is no SQLite database")
}

func TestALoadEndsWithItsTime(t *testing.T) {
	f := newFile(t, tokens)
	endless := "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s) SELECT n AS credential_id, n AS owner_id FROM s WHERE n < 0"
	db := f.open(Config{Query: endless, Timeout: 50 * time.Millisecond})
	_, _, err := db.Load(t.Context(), "", nil)
	require.EqualError(t, err, "`query` took longer than 50ms")
	require.Equal(t, Timeout, ReasonOf(err))
	require.ErrorIs(t, err, context.DeadlineExceeded)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = f.open(Config{Query: endless}).Load(ctx, "", nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestTheCallersErrorEndsTheLoad(t *testing.T) {
	f := newFile(t, tokens, row("a", "one", "2026-11-23 11:00:00"))
	mine := errors.New("enough")
	db := f.open(Config{Query: every, UpdatedQuery: changed})
	mark, _, err := db.Load(t.Context(), "", func(*owner.Row) error { return mine })
	require.ErrorIs(t, err, mine)
	require.Empty(t, mark)
	require.Zero(t, db.Stats())
}

// More rows than are remembered are given again, and memory stays bounded.
func TestTheMemoryOfRowsIsBounded(t *testing.T) {
	w := window{overlap: DefaultOverlap, now: noon}
	at := stamp{true, noon.UnixMicro()}
	for i := range uint64(5 * maxRecent) {
		w.add(i, at)
		if len(w.seen) > 2*maxRecent {
			t.Fatal(len(w.seen))
		}
	}
	require.Zero(t, len(w.recent("m").rows))

	w = window{overlap: DefaultOverlap, now: noon}
	for i := range uint64(5 * maxRecent) {
		w.add(i, stamp{true, at.n - int64(5*maxRecent-i)*1000})
	}
	require.Equal(t, int(DefaultOverlap/time.Millisecond)+1, len(w.recent("m").rows))
}
