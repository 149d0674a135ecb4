package ownersql

import (
	"errors"
	"fmt"
	"time"
)

// Driver names a kind of database.
type Driver string

// The databases that can be read. MySQL stands for MariaDB too: they speak the same protocol.
const (
	Postgres Driver = "postgres"
	MySQL    Driver = "mysql"
	SQLite   Driver = "sqlite"
)

// UnmarshalText refuses a database that is not known.
func (d *Driver) UnmarshalText(text []byte) error {
	if _, known := dialects[Driver(text)]; !known {
		return errors.New("must be postgres, mysql or sqlite")
	}
	*d = Driver(text)
	return nil
}

// Defaults and limits.
const (
	// DefaultTimeout bounds a load, from connecting to the last row. A million rows take seconds; the rest is for a
	// slow network. A load holds a connection and a snapshot for so long, which keeps a busy database from cleaning up.
	DefaultTimeout = 2 * time.Minute
	// DefaultLookupTimeout bounds one look-up. No record waits for it, but one of few connections does.
	DefaultLookupTimeout = 2 * time.Second
	// DefaultFullEvery is how often everything is read again although `updated_query` is set: that is when deleted rows
	// are noticed.
	DefaultFullEvery = time.Hour
	// DefaultOverlap is how far a mark is set back. A transaction stamps its rows when it begins or writes and shows them
	// when it commits; those that took longer are found by the next full load.
	DefaultOverlap = 10 * time.Second
	// DefaultMaxRows bounds a load, as a file's is: more would be held in memory twice while a new index is built.
	DefaultMaxRows = 2_000_000
	// DefaultMaxConns bounds the connections: one for a load and a few for look-ups, which are rate-limited upstream.
	DefaultMaxConns = 4

	// maxQueryBytes bounds a query's text; longer ones belong in a view.
	maxQueryBytes = 64 << 10
	// connLifetime ends connections in time, so that a failed-over database and a rotated password are noticed.
	connLifetime = 30 * time.Minute
	// connIdle gives back what a burst of look-ups opened.
	connIdle = 5 * time.Minute
)

// Config says where the rows are and how to ask for them. Each column of an answer is named after a field of the
// directory; NULL leaves the field unset.
type Config struct {
	Driver Driver
	// DSN is what the driver of Go calls a data source name. It holds a password: no error repeats it. TLS is set in it.
	DSN string

	// Query gives all rows.
	Query string
	// UpdatedQuery gives the rows changed since :since. It and Query must return `updated_at`: a time, or an integer that
	// only grows.
	UpdatedQuery string
	// LookupQuery gives at most one row, of the token that named parameters such as :sha256_hex name.
	LookupQuery string

	Timeout       time.Duration // zero: DefaultTimeout
	LookupTimeout time.Duration // zero: DefaultLookupTimeout
	FullEvery     time.Duration // zero: DefaultFullEvery
	Overlap       time.Duration // zero: DefaultOverlap
	MaxRows       int           // zero: DefaultMaxRows
	MaxConns      int           // zero: DefaultMaxConns
}

// Validate says what Open would refuse, without opening anything.
func (c *Config) Validate() error {
	_, err := c.compile()
	return err
}

// plan is a configuration that has been checked.
type plan struct {
	Config
	dialect              *dialect
	query, updated, find statement
}

func (c *Config) compile() (*plan, error) {
	d, known := dialects[c.Driver]
	if !known {
		return nil, errors.New("`driver` must be postgres, mysql or sqlite")
	}
	p := &plan{Config: *c, dialect: d}
	if err := errors.Join(c.checkDSN(d), c.checkSet(), c.checkBounds(), p.parse()); err != nil {
		return nil, err
	}
	p.fill()
	return p, nil
}

func (c *Config) checkDSN(d *dialect) error {
	if c.DSN == "" {
		return errors.New("`dsn` must be set")
	}
	if _, err := d.connector(c.DSN); err != nil { // its text may quote the password
		return fmt.Errorf("`dsn` is not one that the %s driver reads", c.Driver)
	}
	return nil
}

func (c *Config) checkSet() error {
	if c.Query == "" && c.LookupQuery == "" {
		return errors.New("`query` or `lookup_query` must be set")
	}
	if c.UpdatedQuery != "" && c.Query == "" {
		return errors.New("`updated_query` needs `query`, which gives the rows that it changes")
	}
	return nil
}

func (c *Config) checkBounds() error {
	for _, b := range []struct {
		key   string
		value time.Duration
	}{
		{"timeout", c.Timeout}, {"lookup::timeout", c.LookupTimeout}, {"full_interval", c.FullEvery}, {"overlap", c.Overlap},
	} {
		if b.value < 0 {
			return fmt.Errorf("`%s` must not be negative, found %s", b.key, b.value)
		}
	}
	if c.MaxRows < 0 || c.MaxConns < 0 {
		return errors.New("`max_rows` and `max_connections` must not be negative")
	}
	return nil
}

func (p *plan) parse() error {
	var err error
	read := func(dst *statement, key, text string, rule func(*statement) error) {
		if text == "" || err != nil {
			return
		}
		if len(text) > maxQueryBytes {
			err = fmt.Errorf("`%s` must be at most %d bytes, found %d", key, maxQueryBytes, len(text))
			return
		}
		st, perr := parse(p.dialect, text)
		if perr == nil {
			perr = rule(&st)
		}
		if perr != nil {
			err = fmt.Errorf("`%s` %w", key, perr)
			return
		}
		*dst = st
	}
	read(&p.query, "query", p.Query, (*statement).checkPlain)
	read(&p.updated, "updated_query", p.UpdatedQuery, (*statement).checkSince)
	read(&p.find, "lookup_query", p.LookupQuery, (*statement).checkKeys)
	return err
}

func (p *plan) fill() {
	p.Timeout = orDefault(p.Timeout, DefaultTimeout)
	p.LookupTimeout = orDefault(p.LookupTimeout, DefaultLookupTimeout)
	p.FullEvery = orDefault(p.FullEvery, DefaultFullEvery)
	p.Overlap = orDefault(p.Overlap, DefaultOverlap)
	p.MaxRows = orDefault(p.MaxRows, DefaultMaxRows)
	p.MaxConns = orDefault(p.MaxConns, DefaultMaxConns)
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
