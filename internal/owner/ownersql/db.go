package ownersql

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keytrail/keytrail/internal/owner"
)

var (
	_ owner.Loader = (*DB)(nil)
	_ owner.Finder = (*DB)(nil)
)

// DB is a database that holds an owner directory. Its methods may be called from many goroutines.
type DB struct {
	plan *plan
	sql  *sql.DB
	now  func() time.Time

	mu   sync.Mutex
	last recent // rows given last that the next load of changes will see again

	stats counters
}

type counters struct{ loads, rows, repeated, lookups, foreign atomic.Int64 }

// Stats counts what has been done since Open.
type Stats struct {
	Loads    int64 // loads that ended well
	Rows     int64 // rows that they gave
	Repeated int64 // rows within the overlap that had been given before and were left out
	Lookups  int64 // look-ups asked of the database
	Foreign  int64 // rows of a look-up that were of another token, as where a column's collation ignores case
}

// Open prepares the use of a database. It does not connect: a database that is down now may be up for the next load.
func Open(c Config) (*DB, error) {
	p, err := c.compile()
	if err != nil {
		return nil, err
	}
	connector, err := p.dialect.connector(p.DSN)
	if err != nil {
		return nil, c.checkDSN(p.dialect)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(p.MaxConns)
	db.SetMaxIdleConns(p.MaxConns)
	db.SetConnMaxLifetime(connLifetime)
	db.SetConnMaxIdleTime(connIdle)
	return &DB{plan: p, sql: db, now: time.Now}, nil
}

// Close ends the connections. Running loads and look-ups fail.
func (db *DB) Close() error { return db.sql.Close() }

// Stats returns the counts so far.
func (db *DB) Stats() Stats {
	s := &db.stats
	return Stats{
		Loads: s.loads.Load(), Rows: s.rows.Load(), Repeated: s.repeated.Load(),
		Lookups: s.lookups.Load(), Foreign: s.foreign.Load(),
	}
}

// ask is one use of one of the queries.
type ask struct {
	key     string // what the configuration calls the query
	st      *statement
	args    []any
	timeout time.Duration
}

// read runs a query in a transaction that cannot write, and hands its rows to each.
func (db *DB) read(ctx context.Context, a ask, each func(*sql.Rows) error) error {
	bounded, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	rows, end, err := db.begin(bounded, a)
	if err != nil {
		return fail(ctx, bounded, a, err)
	}
	defer end()
	if err := each(rows); err != nil {
		return err
	}
	if err := rows.Err(); err != nil {
		return fail(ctx, bounded, a, err)
	}
	return nil
}

// serverGrace is how much later than we the server ends a statement. We tell a time that ran out from an empty answer;
// some functions of some servers, cut short, do not.
const serverGrace = time.Second

func (db *DB) begin(ctx context.Context, a ask) (*sql.Rows, func(), error) {
	tx, err := db.sql.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, nil, err
	}
	if limit := db.plan.dialect.limit; limit != nil {
		_, err = tx.ExecContext(ctx, limit(a.timeout+serverGrace))
	}
	var rows *sql.Rows
	if err == nil {
		rows, err = tx.QueryContext(ctx, a.st.text, a.args...)
	}
	if err != nil {
		_ = tx.Rollback()
		return nil, nil, err
	}
	return rows, func() {
		_ = rows.Close()
		_ = tx.Rollback()
	}, nil
}
