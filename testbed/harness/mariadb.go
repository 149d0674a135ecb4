package harness

import (
	"fmt"
	"testing"

	_ "github.com/go-sql-driver/mysql" // the driver mysql
)

// MariaDB starts a MariaDB server.
func MariaDB(t testing.TB) *Database {
	t.Helper()
	install, mariadbd := Program(t, "mariadb-install-db", "mariadb-server"), Program(t, "mariadbd", "mariadb-server")
	d := newDatabase(t, "mysql", "mysql")
	port := FreePort(t)
	d.DSN = fmt.Sprintf("keytrail:%s@tcp(127.0.0.1:%s)/keytrail", d.Password, port)
	d.setUp(install, "--no-defaults", "--datadir="+d.path("data"), "--auth-root-authentication-method=normal", "--skip-test-db")
	first := d.file("first.sql", "CREATE DATABASE IF NOT EXISTS keytrail CHARACTER SET utf8mb4;\n"+
		"CREATE USER IF NOT EXISTS keytrail@'%' IDENTIFIED BY '"+d.Password+"';\nGRANT ALL ON keytrail.* TO keytrail@'%';\n")
	d.serve = []string{mariadbd, "--no-defaults", "--datadir=" + d.path("data"), "--socket=" + d.path("socket"), "--port=" + port,
		"--bind-address=127.0.0.1", "--pid-file=" + d.path("pid"), "--init-file=" + first, "--skip-name-resolve",
		"--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M"}
	d.Start()
	return d
}
