package harness

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
)

// Postgres starts a PostgreSQL server.
func Postgres(t testing.TB) *Database {
	t.Helper()
	initdb, postgres := postgresProgram(t, "initdb"), postgresProgram(t, "postgres")
	d := newDatabase(t, "pgx", "postgres")
	port := FreePort(t)
	d.DSN = fmt.Sprintf("postgres://keytrail:%s@127.0.0.1:%s/postgres?sslmode=disable", d.Password, port)
	d.setUp(initdb, "-D", d.path("data"), "-U", "keytrail", "-A", "scram-sha-256", "--pwfile", d.file("password", d.Password),
		"-E", "UTF8", "--locale=C", "--no-sync")
	d.serve = []string{postgres, "-D", d.path("data"), "-p", port, "-k", d.dir, "-c", "listen_addresses=127.0.0.1",
		"-c", "fsync=off", "-c", "shared_buffers=32MB"}
	d.Start()
	return d
}

// postgresProgram finds a program of the server. Debian keeps those of each version apart, off everybody's PATH.
func postgresProgram(t testing.TB, name string) string {
	t.Helper()
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); len(found) > 0 {
		return found[len(found)-1]
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is needed: apt-get install postgresql", name)
	}
	return path
}
