package ownersql

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

// Reason says why a load or a look-up failed. The set is closed: it is the label of a counter.
type Reason string

// The reasons.
const (
	Unreachable Reason = "unreachable" // no connection, or no such file
	Insecure    Reason = "insecure"    // TLS failed
	Refused     Reason = "refused"     // user, password, database or permission
	Busy        Reason = "busy"        // too many connections, a lock
	Timeout     Reason = "timeout"     // over the limit of the load or look-up
	Lost        Reason = "lost"        // the connection ended midway
	BadQuery    Reason = "bad_query"   // the database cannot run it
	BadColumn   Reason = "bad_column"  // a column of the answer that the directory does not know, or one that it lacks
	BadRow      Reason = "bad_row"     // a value that breaks a rule of its field
	TooMany     Reason = "too_many"    // more rows than the limit
	Other       Reason = "other"
)

var words = map[Reason]string{
	Unreachable: "failed, the database cannot be reached",
	Insecure:    "failed, the database cannot be reached by TLS as `dsn` wants it",
	Refused:     "was refused, the user lacks access",
	Busy:        "failed, the database is busy",
	Lost:        "failed, the connection was lost",
	BadQuery:    "cannot be run",
	BadRow:      "meets a value that it cannot convert",
	Other:       "failed",
}

// Error is a load or look-up that failed. Nothing in it comes from the database but its code for the error.
type Error struct {
	Reason Reason
	text   string
	cause  error // one of context's, or one of ours; never a driver's
}

func (e *Error) Error() string { return e.text }

// Unwrap gives the context's error where that was the cause.
func (e *Error) Unwrap() error { return e.cause }

// ReasonOf gives the reason of an error of this package, and Other for any else.
func ReasonOf(err error) Reason {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Reason
	}
	return Other
}

func (a *ask) errorf(r Reason, format string, args ...any) error {
	return &Error{Reason: r, text: fmt.Sprintf("`%s` ", a.key) + fmt.Sprintf(format, args...)}
}

// fail turns a driver's error into one that may be shown. The contexts, the caller's and ours of the time limit, are
// asked first: what a driver says of one that ended depends on where it was.
func fail(ctx, bounded context.Context, a ask, err error) error {
	if ctx.Err() != nil { // the caller's doing, whatever the driver makes of it
		return &Error{Reason: Other, text: fmt.Sprintf("`%s` was given up", a.key), cause: ctx.Err()}
	}
	reason, code := classify(err)
	if reason == Timeout || bounded.Err() != nil {
		return &Error{Reason: Timeout, text: fmt.Sprintf("`%s` took longer than %s", a.key, a.timeout), cause: context.DeadlineExceeded}
	}
	text := words[reason]
	if hint := hints[code]; hint != "" {
		text += ", " + hint
	}
	if code != "" {
		text += " (" + code + ")"
	}
	e := &Error{Reason: reason, text: fmt.Sprintf("`%s` %s", a.key, text)}
	if reason == BadRow {
		e.cause = errShape
	}
	return e
}

// errShape marks the database's error about a value's form, as opposed to ours about a row.
var errShape = errors.New("value of another form")

// hints say what the commonest codes mean.
var hints = map[string]string{
	"SQLSTATE 42703": "it names a column that does not exist", "SQLSTATE 42S22": "it names a column that does not exist",
	"SQLSTATE 42P01": "it names a table that does not exist", "SQLSTATE 42S02": "it names a table that does not exist",
	"SQLSTATE 42601":        "its syntax is wrong",
	"SQLSTATE 42883":        "it compares or calls what has other types",
	"SQLSTATE 25006":        "it writes",
	"SQLSTATE 28P01":        "the password is wrong",
	"SQLSTATE 3D000":        "the database does not exist",
	"SQLSTATE 42000 (1049)": "the database does not exist",
	"SQLSTATE 42000 (1064)": "its syntax is wrong",
	"SQLSTATE 25006 (1792)": "it writes",
	"SQLite 8":              "it writes",
	"SQLite 1":              "its syntax, a table or a column is wrong",
	"SQLite 26":             "the file is no SQLite database",
	"SQLSTATE 42S22 (1054)": "it names a column that does not exist",
	"SQLSTATE 42S02 (1146)": "it names a table that does not exist",
}

// classify finds the reason of a driver's error and the database's own code for it. The server's word counts before
// that of the network, which may only tell how the server hung up.
func classify(err error) (Reason, string) {
	var pg *pgconn.PgError
	var my *mysql.MySQLError
	var lite *sqlite.Error
	switch {
	case errors.As(err, &pg):
		return bySQLState(pg.Code), "SQLSTATE " + pg.Code
	case errors.As(err, &my):
		return byMySQL(my), fmt.Sprintf("SQLSTATE %s (%d)", my.SQLState[:], my.Number)
	case errors.As(err, &lite):
		return bySQLite(lite.Code()), fmt.Sprintf("SQLite %d", lite.Code()&0xff)
	}
	return byNetwork(err), ""
}

func bySQLState(state string) Reason {
	switch state {
	case "57014": // query_canceled: statement_timeout
		return Timeout
	case "57P01", "57P02":
		return Lost
	case "42501", "3D000":
		return Refused
	case "55P03", "57P03":
		return Busy
	}
	switch state[:min(2, len(state))] {
	case "28":
		return Refused
	case "53", "40":
		return Busy
	case "08", "57":
		return Lost
	case "22":
		return BadRow
	case "42", "25", "26", "0A", "21":
		return BadQuery
	}
	return Other
}

func byMySQL(e *mysql.MySQLError) Reason {
	switch e.Number {
	case 1969, 3024, 1907: // MariaDB's and MySQL's statement time, killed by it
		return Timeout
	case 1040, 1203, 1226, 1205, 1213:
		return Busy
	case 1044, 1045, 1049, 1142, 1143, 1227, 1698:
		return Refused
	case 1053, 1317, 1927, 3169: // shut down or killed
		return Lost
	}
	return bySQLState(string(e.SQLState[:]))
}

func bySQLite(code int) Reason {
	switch code & 0xff { // the rest of the bits is detail
	case 5, 6: // BUSY, LOCKED
		return Busy
	case 9: // INTERRUPT
		return Timeout
	case 14, 26, 11, 10: // CANTOPEN, NOTADB, CORRUPT, IOERR
		return Unreachable
	case 3, 23: // PERM, AUTH
		return Refused
	case 1, 8, 25: // ERROR, READONLY, RANGE
		return BadQuery
	}
	return Other
}

func byNetwork(err error) Reason {
	var timeout net.Error
	var op *net.OpError
	var verify *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var header tls.RecordHeaderError
	var alert tls.AlertError
	var connect *pgconn.ConnectError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.As(err, &timeout) && timeout.Timeout():
		return Timeout
	case errors.As(err, &verify), errors.As(err, &unknown), errors.As(err, &header), errors.As(err, &alert),
		errors.Is(err, mysql.ErrNoTLS), strings.Contains(err.Error(), "server refused TLS connection"):
		return Insecure
	case errors.As(err, &op) && op.Op == "dial":
		return Unreachable
	case errors.Is(err, mysql.ErrNativePassword), errors.Is(err, mysql.ErrOldPassword), errors.Is(err, mysql.ErrCleartextPassword),
		errors.Is(err, mysql.ErrUnknownPlugin):
		return Refused
	case errors.As(err, &connect):
		return Unreachable
	case lost(err):
		return Lost
	}
	return Other
}

func lost(err error) bool {
	for _, end := range []error{
		driver.ErrBadConn, mysql.ErrInvalidConn, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE,
	} {
		if errors.Is(err, end) {
			return true
		}
	}
	return strings.Contains(err.Error(), "conn closed") // pgx has no value for it
}
