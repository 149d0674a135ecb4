package ownersql

import (
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/keytrail/keytrail/internal/owner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// file is a SQLite database that the test writes.
type file struct {
	t    *testing.T
	path string
	sql  *sql.DB
}

func newFile(t *testing.T, statements ...string) *file {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a # b%41.db") // a path that a URI would read otherwise
	db, err := sql.Open("sqlite", "file:"+filepath.Dir(path)+"/a %23 b%2541.db")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	f := &file{t: t, path: path, sql: db}
	f.exec(statements...)
	return f
}

func (f *file) exec(statements ...string) {
	f.t.Helper()
	for _, s := range statements {
		_, err := f.sql.Exec(s)
		require.NoError(f.t, err)
	}
}

func (f *file) open(c Config) *DB {
	f.t.Helper()
	c.Driver, c.DSN = SQLite, f.path
	db, err := Open(c)
	require.NoError(f.t, err)
	f.t.Cleanup(func() { require.NoError(f.t, db.Close()) })
	return db
}

// loaded is what one load gave.
type loaded struct {
	owners map[string]string // credential id -> owner id
	rows   []*owner.Row
	mark   owner.Mark
	full   bool
}

func loadAll(t *testing.T, db *DB, since owner.Mark) loaded {
	t.Helper()
	l := loaded{owners: map[string]string{}}
	var err error
	l.mark, l.full, err = db.Load(t.Context(), since, func(r *owner.Row) error {
		l.rows = append(l.rows, r)
		l.owners[r.CredentialID] = r.OwnerID
		return nil
	})
	require.NoError(t, err)
	return l
}

func refused(t *testing.T, db *DB, reason Reason, want string) {
	t.Helper()
	_, _, err := db.Load(t.Context(), "", func(*owner.Row) error { return nil })
	require.ErrorContains(t, err, want)
	require.Equal(t, reason, ReasonOf(err), err.Error())
}

// dummyToken returns a token that nobody has.
func dummyToken() string { return "dummy-" + rand.Text() }

func hexSum(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
