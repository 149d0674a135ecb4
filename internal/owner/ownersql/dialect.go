package ownersql

import (
	"database/sql/driver"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
)

// dialect is what differs between the databases.
type dialect struct {
	connector func(dsn string) (driver.Connector, error)
	// limit makes the server bound the statements of a transaction: a client that gives up does not end the work that it
	// asked for. Nil where the work is done in this process.
	limit func(timeout time.Duration) string
	// since is the form in which a time is compared with stored ones.
	since       func(time.Time) any
	placeholder func(n int) string
	// ownParameter reports whether the driver would see a parameter of its own at in[at].
	ownParameter func(in string, at int) bool
	dashes       func(rest string) bool // whether -- begins a comment

	backslashes, backticks, brackets, dollars, hashes, nested bool // which quotes and comments there are
}

var dialects = map[Driver]*dialect{
	Postgres: {
		connector:   postgresConnector,
		limit:       postgresLimit,
		since:       func(t time.Time) any { return t },
		placeholder: func(n int) string { return "$" + strconv.Itoa(n) },
		ownParameter: func(in string, at int) bool {
			return in[at] == '$' && at+1 < len(in) && isDigit(in[at+1])
		},
		dashes: always, dollars: true, nested: true,
	},
	MySQL: {
		connector:    mysqlConnector,
		limit:        mysqlLimit,
		since:        func(t time.Time) any { return t },
		placeholder:  question,
		ownParameter: func(in string, at int) bool { return in[at] == '?' },
		dashes:       mysqlDashes, backslashes: true, backticks: true, hashes: true,
	},
	SQLite: {
		connector:    sqliteConnector,
		since:        func(t time.Time) any { return t.UTC().Format(sqliteTime) },
		placeholder:  question,
		ownParameter: func(in string, at int) bool { return strings.IndexByte("?@$", in[at]) >= 0 },
		dashes:       always, backticks: true, brackets: true,
	},
}

func question(int) string { return "?" }

func always(string) bool { return true }

// mysqlDashes: in MySQL 5--1 is six.
func mysqlDashes(rest string) bool { return len(rest) == 2 || rest[2] <= ' ' }

func postgresConnector(dsn string) (driver.Connector, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	if _, set := cfg.RuntimeParams["timezone"]; !set {
		cfg.RuntimeParams["timezone"] = "UTC" // a time that the query turned into text is read as UTC
	}
	return stdlib.GetConnector(*cfg), nil
}

// postgresLimit belongs to the transaction and not to the session, which a pooler in between may give to others.
func postgresLimit(timeout time.Duration) string {
	return "SET LOCAL statement_timeout = " + strconv.FormatInt(max(1, timeout.Milliseconds()), 10)
}

func mysqlConnector(dsn string) (driver.Connector, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	cfg.ParseTime = true
	cfg.Logger = &mysql.NopLogger{}                            // it writes to standard error
	cfg.AllowAllFiles, cfg.MultiStatements = false, false      // a server could ask for files of ours
	cfg.InterpolateParams, cfg.ColumnsWithAlias = false, false // the server binds; a column's name is its alias alone
	if _, set := cfg.Params["time_zone"]; !set && cfg.Loc == time.UTC {
		if cfg.Params == nil {
			cfg.Params = map[string]string{}
		}
		cfg.Params["time_zone"] = "'+00:00'"
	}
	return mysql.NewConnector(cfg)
}

// mysqlLimit is one statement for both: MariaDB alone runs the first comment, and leaves out the second, as all for
// versions from 5.7.0 to 9.99.99 of MySQL.
func mysqlLimit(timeout time.Duration) string {
	seconds := strconv.FormatFloat(max(0.001, timeout.Seconds()), 'f', 3, 64)
	ms := strconv.FormatInt(max(1, timeout.Milliseconds()), 10)
	return "SET @keytrail = 1 /*M!100100 , SESSION max_statement_time = " + seconds +
		" */ /*!50708 , SESSION max_execution_time = " + ms + " */"
}

// sqliteTime sorts before every longer spelling of the same second, whether T, a fraction or a zone follows the day.
const sqliteTime = "2006-01-02 15:04:05"

// sqliteConnector opens the file for reading, and only where it exists: SQLite would make an empty one.
func sqliteConnector(dsn string) (driver.Connector, error) {
	path, query, _ := strings.Cut(dsn, "?")
	params, err := url.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(path, "file:") {
		path = "file:" + strings.NewReplacer("%", "%25", "#", "%23").Replace(path)
	}
	params.Set("mode", "ro")
	params.Set("_query_only", "1")
	if !params.Has("_busy_timeout") && !params.Has("_timeout") {
		params.Set("_busy_timeout", "2000") // a writer's commit, not its whole transaction
	}
	return sqlite.NewConnector(path + "?" + params.Encode())
}
