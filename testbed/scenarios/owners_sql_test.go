//go:build scenario

package scenarios

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/owner"
	"github.com/keytrail/keytrail/internal/owner/ownersql"
	"github.com/keytrail/keytrail/testbed/harness"
)

// directory is the owner directory of one kind of database, in the types that people use there.
type directory struct {
	driver ownersql.Driver
	server *harness.Database

	schema            []string
	insert            func(n int, token, expires string) string // one row
	many              func(rows int) string
	query, changed    string
	lookup            string
	slow, running     string // a statement that takes a minute, and how many of them run
	touch             string // makes row 2 newer than all
	nowhere, nocolumn string
	write             string
	tls               func(dsn string) string // asks for TLS, which the server has not
}

func postgresDirectory(t *testing.T) *directory {
	columns := "SELECT hash AS sha256, client AS credential_id, owner AS owner_id, kind::text AS owner_type, scopes AS token_scopes, " +
		"expires AS expires_at, revoked AS revoked_at, changed AS updated_at FROM tokens"
	return &directory{
		driver: ownersql.Postgres, server: harness.Postgres(t),
		schema: []string{
			"CREATE TYPE kind AS ENUM ('user', 'service', 'automation')",
			"CREATE TABLE tokens (n int PRIMARY KEY, hash bytea UNIQUE, client int, owner uuid, kind kind, scopes text[], " +
				"expires timestamptz, revoked double precision, changed timestamptz DEFAULT now())",
		},
		insert: func(n int, token, expires string) string {
			return fmt.Sprintf("INSERT INTO tokens VALUES (%d, decode('%s', 'hex'), %d, '00000000-0000-0000-0000-%012d', 'service', "+
				"'{orders.read,\"orders write\"}', %s, 1764000000.5, now() - interval '1 hour')", n, sum(token), n, n, expires)
		},
		many: func(rows int) string {
			return fmt.Sprintf("INSERT INTO tokens SELECT n, sha256(('dummy-' || n)::bytea), n, gen_random_uuid(), 'user', '{a,b,c}', "+
				"'infinity', NULL, now() - interval '1 hour' FROM generate_series(1000, %d) n", 999+rows)
		},
		query: columns, changed: columns + " WHERE changed > :since",
		lookup:  columns + " WHERE hash = :sha256 OR client = :credential_id -- or 'neither",
		slow:    "SELECT owner AS owner_id, client AS credential_id FROM tokens WHERE pg_sleep(60) IS NULL",
		running: "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()",
		touch:   "UPDATE tokens SET owner = '00000000-0000-0000-0000-000000000099', changed = now() WHERE n = 2",
		nowhere: "SQLSTATE 42P01", nocolumn: "SQLSTATE 42703",
		write: "WITH w AS (DELETE FROM tokens RETURNING owner) SELECT owner AS owner_id FROM w",
		tls:   func(dsn string) string { return strings.Replace(dsn, "sslmode=disable", "sslmode=verify-full", 1) },
	}
}

func mariadbDirectory(t *testing.T) *directory {
	columns := "SELECT hash AS sha256, client AS credential_id, owner AS owner_id, kind AS owner_type, scopes AS token_scopes, " +
		"expires AS expires_at, revoked AS revoked_at, changed AS updated_at FROM tokens"
	return &directory{
		driver: ownersql.MySQL, server: harness.MariaDB(t),
		schema: []string{
			"CREATE TABLE tokens (n int PRIMARY KEY, hash binary(32) UNIQUE, client int, owner varchar(40), " +
				"kind enum('user', 'service', 'automation'), scopes json, expires datetime(6), revoked decimal(20,3), " +
				"changed timestamp(6) DEFAULT now(6))",
		},
		insert: func(n int, token, expires string) string {
			return fmt.Sprintf("INSERT INTO tokens VALUES (%d, unhex('%s'), %d, '00000000-0000-0000-0000-%012d', 'service', "+
				`'["orders.read","orders write"]', %s, 1764000000.5, now() - interval 1 hour)`, n, sum(token), n, n, expires)
		},
		many: func(rows int) string {
			return fmt.Sprintf("INSERT INTO tokens SELECT seq, unhex(sha2(concat('dummy-', seq), 256)), seq, uuid(), 'user', '[\"a\",\"b\",\"c\"]', "+
				"NULL, NULL, now() - interval 1 hour FROM seq_1000_to_%d", 999+rows)
		},
		query: columns, changed: columns + " WHERE changed > :since",
		lookup:  columns + " WHERE hash = :sha256 OR client = :credential_id # or 'neither",
		slow:    "SELECT owner AS owner_id, client AS credential_id FROM tokens WHERE sleep(60) = 2",
		running: "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%sleep(60)%' AND id <> connection_id()",
		touch:   "UPDATE tokens SET owner = '00000000-0000-0000-0000-000000000099', changed = now(6) WHERE n = 2",
		nowhere: "SQLSTATE 42S02", nocolumn: "SQLSTATE 42S22",
		write: "DELETE FROM tokens RETURNING owner AS owner_id",
		tls:   func(dsn string) string { return dsn + "?tls=true" },
	}
}

func sum(token string) string {
	h := sha256.Sum256([]byte(token))
	return hex.EncodeToString(h[:])
}

// open opens the directory with some of its settings changed.
func (d *directory) open(t *testing.T, change func(*ownersql.Config)) *ownersql.DB {
	t.Helper()
	c := ownersql.Config{Driver: d.driver, DSN: d.server.DSN, Query: d.query, UpdatedQuery: d.changed, LookupQuery: d.lookup}
	if change != nil {
		change(&c)
	}
	db, err := ownersql.Open(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// load gives the rows by their credential id.
func load(t *testing.T, db *ownersql.DB, since owner.Mark) (map[string]*owner.Row, owner.Mark, bool) {
	t.Helper()
	rows := map[string]*owner.Row{}
	mark, full, err := db.Load(t.Context(), since, func(r *owner.Row) error {
		rows[r.CredentialID] = r
		return nil
	})
	require.NoError(t, err)
	return rows, mark, full
}

func TestOwnersFromPostgreSQL(t *testing.T) { sqlOwners(t, postgresDirectory(t)) }

func TestOwnersFromMariaDB(t *testing.T) { sqlOwners(t, mariadbDirectory(t)) }

func sqlOwners(t *testing.T, d *directory) {
	first, second := "dummy-"+rand.Text(), "dummy-"+rand.Text()
	d.server.Exec(d.schema...)
	d.server.Exec(d.insert(1, first, "'2027-01-02 03:04:05'"), d.insert(2, second, "NULL"))
	t.Run("types", func(t *testing.T) { d.types(t, first) })
	t.Run("changes", d.changes)
	t.Run("lookup", func(t *testing.T) { d.lookups(t, first) })
	t.Run("refusals", d.refusals)
	t.Run("slow", d.slowQuery)
	t.Run("many", d.manyRows)
	t.Run("killed", d.killed)
}

// The types in which a database keeps hashes, lists, times and ids become those of the directory.
func (d *directory) types(t *testing.T, token string) {
	rows, _, full := load(t, d.open(t, nil), "")
	require.True(t, full)
	require.Len(t, rows, 2)
	r := rows["1"]
	require.Equal(t, fingerprint.DigestFromSum(sha256.Sum256([]byte(token))), r.Digest)
	require.Equal(t, "00000000-0000-0000-0000-000000000001", r.OwnerID)
	require.Equal(t, "service", r.OwnerType)
	require.Equal(t, []string{"orders.read", "orders", "write"}, r.TokenScopes)
	require.Equal(t, time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC), r.ExpiresAt)
	require.Equal(t, time.UnixMilli(1764000000500).UTC(), r.RevokedAt)
	require.Zero(t, rows["2"].ExpiresAt)
}

// A load after the first one brings only what changed, an idle table brings nothing, and what was deleted is missing
// from the next full load.
func (d *directory) changes(t *testing.T) {
	db := d.open(t, nil)
	_, mark, _ := load(t, db, "")
	rows, again, full := load(t, db, mark)
	require.False(t, full)
	require.Empty(t, rows, "nothing changed")
	require.Equal(t, mark, again)

	d.server.Exec(d.touch)
	rows, mark, full = load(t, db, mark)
	require.False(t, full)
	require.Len(t, rows, 1)
	require.Equal(t, "00000000-0000-0000-0000-000000000099", rows["2"].OwnerID)
	rows, _, _ = load(t, db, mark)
	require.Empty(t, rows)

	d.server.Exec(d.insert(3, "dummy-"+rand.Text(), "NULL"), "DELETE FROM tokens WHERE n = 3")
	rows, _, full = load(t, d.open(t, func(c *ownersql.Config) { c.FullEvery = time.Nanosecond }), mark)
	require.True(t, full)
	require.Len(t, rows, 2)
}

// A look-up finds the one token, by hash or id; a sender's odd ids find nobody, and do not look like a fault.
func (d *directory) lookups(t *testing.T, token string) {
	db := d.open(t, nil)
	find := func(k owner.Keys) *owner.Row {
		t.Helper()
		r, err := db.Find(t.Context(), k)
		require.NoError(t, err)
		return r
	}
	known := owner.Keys{SHA256: sha256.Sum256([]byte(token)), HasSHA256: true}
	require.Equal(t, "1", find(known).CredentialID)
	require.Equal(t, "1", find(owner.Keys{CredentialID: "1"}).CredentialID)
	require.Nil(t, find(owner.Keys{SHA256: sha256.Sum256([]byte("dummy")), HasSHA256: true}))
	require.Nil(t, find(owner.Keys{}))
	for _, odd := range []string{"1abc", "1.0", "1e0", "' OR 1=1 --", "99999999999999999999", "\x00", "\xff", "é"} {
		require.Nil(t, find(owner.Keys{CredentialID: odd}), "%q", odd)
	}
}

// Refusals name the query, the reason and the database's code; never a host, a user, a password or a value.
func (d *directory) refusals(t *testing.T) {
	canary := "dummycanary" + strings.ToLower(rand.Text()) // a name too, where a query wants one
	refused := func(want string, reason ownersql.Reason, change func(*ownersql.Config)) {
		t.Helper()
		_, _, err := d.open(t, change).Load(t.Context(), "", func(*owner.Row) error { return nil })
		require.ErrorContains(t, err, want)
		require.Equal(t, reason, ownersql.ReasonOf(err), err.Error())
		for _, secret := range []string{canary, d.server.Password, "keytrail", "127.0.0.1"} {
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), secret)
		}
	}
	query := func(text string) func(*ownersql.Config) {
		return func(c *ownersql.Config) { c.Query, c.UpdatedQuery = strings.ReplaceAll(text, "CANARY", canary), "" }
	}
	refused(d.nowhere, ownersql.BadQuery, query("SELECT owner AS owner_id FROM nowhere WHERE owner = 'CANARY'"))
	refused(d.nocolumn, ownersql.BadQuery, query("SELECT misspelt AS owner_id, 'CANARY' FROM tokens"))
	refused("column 2 is not one of", ownersql.BadColumn, query("SELECT owner AS owner_id, 'CANARY' AS CANARY FROM tokens"))
	refused("row 1: `expires_at` must be a", ownersql.BadRow, query("SELECT owner AS owner_id, n AS credential_id, 'CANARY' AS expires_at FROM tokens"))
	refused("row 1: `sha256` must be", ownersql.BadRow, query("SELECT owner AS owner_id, 'CANARY' AS sha256 FROM tokens"))
	refused("needs `owner_id`", ownersql.BadRow, query("SELECT 'CANARY' AS credential_id FROM tokens"))
	refused("it writes", ownersql.BadQuery, query(d.write))
	refused("must return at most 1 rows", ownersql.TooMany, func(c *ownersql.Config) { c.MaxRows = 1 })
	refused("must return the column `updated_at`", ownersql.BadColumn, func(c *ownersql.Config) { c.Query = "SELECT owner AS owner_id FROM tokens" })
	refused("lacks access", ownersql.Refused, func(c *ownersql.Config) { c.DSN = strings.ReplaceAll(c.DSN, d.server.Password, canary) })
	refused("cannot be reached by TLS", ownersql.Insecure, func(c *ownersql.Config) { c.DSN = d.tls(c.DSN) })
	refused("cannot be reached", ownersql.Unreachable, func(c *ownersql.Config) {
		c.DSN = regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(c.DSN, "127.0.0.1:1")
	})
	rows, _, _ := load(t, d.open(t, nil), "")
	require.Len(t, rows, 2, "nothing was deleted")
}

// A query that takes too long ends on both sides: the server does not go on with it.
func (d *directory) slowQuery(t *testing.T) {
	db := d.open(t, func(c *ownersql.Config) { c.Query, c.UpdatedQuery, c.Timeout = d.slow, "", 300*time.Millisecond })
	began := time.Now()
	_, _, err := db.Load(t.Context(), "", func(*owner.Row) error { return nil })
	require.EqualError(t, err, "`query` took longer than 300ms")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), 10*time.Second)
	own := d.server.Open()
	defer own.Close()
	harness.Eventually(t, 5*time.Second, "the server has ended the query", func() error {
		var n int
		if err := own.QueryRow(d.running).Scan(&n); err != nil || n > 0 {
			return errors.Join(err, fmt.Errorf("%d still run", n))
		}
		return nil
	})
}

const manySQLRows = 100_000

func (d *directory) manyRows(t *testing.T) {
	d.server.Exec(d.many(manySQLRows))
	db := d.open(t, nil)
	began, count := time.Now(), 0
	_, _, err := db.Load(t.Context(), "", func(*owner.Row) error { count++; return nil })
	require.NoError(t, err)
	require.Equal(t, manySQLRows+2, count)
	took := time.Since(began)
	t.Logf("%s: %d rows in %s, %.0f rows/s", d.driver, count, took.Round(time.Millisecond), float64(count)/took.Seconds())
}

// A server that dies in the middle of a load fails that load alone; the next one after it is back is good.
func (d *directory) killed(t *testing.T) {
	db := d.open(t, nil)
	_, mark, _ := load(t, db, "")
	count := 0
	_, _, err := db.Load(t.Context(), "", func(*owner.Row) error {
		if count++; count == 1000 {
			d.server.Kill()
		}
		return nil
	})
	require.Error(t, err)
	require.Less(t, count, manySQLRows)
	require.Equal(t, ownersql.Lost, ownersql.ReasonOf(err), err.Error())
	_, _, err = db.Load(t.Context(), mark, func(*owner.Row) error { return nil })
	require.Equal(t, ownersql.Unreachable, ownersql.ReasonOf(err), "%v", err)

	d.server.Start()
	rows, _, full := load(t, db, mark)
	require.False(t, full, "the mark has outlived the server")
	require.Empty(t, rows)
}
