package harness

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Database is a database server of the test's own, in a folder of its own and on a free port of loopback.
type Database struct {
	// DSN is that of an ordinary user with a password, over TCP, in the form that our driver of it reads.
	DSN string
	// Password is the user's: made for this run, and to be found nowhere.
	Password string

	t       testing.TB
	driver  string // of database/sql
	dir     string
	account *syscall.Credential
	serve   []string
	cmd     *exec.Cmd
	out     *logBuffer
}

// newDatabase makes the folder. Database servers refuse to run as root, so a test that runs as root lends the folder to
// the account that the server's package made.
func newDatabase(t testing.TB, driver, account string) *Database {
	t.Helper()
	dir, err := os.MkdirTemp("", "keytrail-"+account+"-")
	if err != nil {
		t.Fatal(err)
	}
	d := &Database{t: t, driver: driver, dir: dir, Password: "dummy-" + rand.Text(), out: &logBuffer{}}
	t.Cleanup(func() {
		d.Kill()
		if t.Failed() {
			t.Logf("%s wrote: %s", account, d.out.tail())
		}
		_ = os.RemoveAll(dir)
	})
	if os.Getuid() != 0 {
		return d
	}
	u, err := user.Lookup(account)
	if err != nil {
		t.Fatalf("the account %q is needed to run its server: %v", account, err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	d.account = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return d
}

// file writes a file that the server's account can read.
func (d *Database) file(name, text string) string {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	if d.account != nil {
		if err := os.Chown(path, int(d.account.Uid), int(d.account.Gid)); err != nil {
			d.t.Fatal(err)
		}
	}
	return path
}

func (d *Database) command(args []string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = d.dir
	cmd.Env = append(os.Environ(), "HOME="+d.dir, "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: d.account}
	return cmd
}

// setUp runs a program to its end.
func (d *Database) setUp(args ...string) {
	d.t.Helper()
	if b, err := d.command(args).CombinedOutput(); err != nil {
		d.t.Fatalf("%s: %v\n%s", filepath.Base(args[0]), err, bytes.TrimSpace(b))
	}
}

// Start starts the server, the first time or again after Kill, and waits until it answers.
func (d *Database) Start() {
	d.t.Helper()
	d.cmd = d.command(d.serve)
	d.cmd.Stdout, d.cmd.Stderr = d.out, d.out
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	db := d.Open()
	defer func() { _ = db.Close() }()
	Eventually(d.t, 60*time.Second, filepath.Base(d.serve[0])+" answers", db.Ping)
}

// Kill ends the server at once, in the middle of whatever it does.
func (d *Database) Kill() {
	if d.cmd == nil || d.cmd.Process == nil {
		return
	}
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait()
	d.cmd = nil
}

// Open opens the database for the test's own use.
func (d *Database) Open() *sql.DB {
	d.t.Helper()
	db, err := sql.Open(d.driver, d.DSN)
	if err != nil {
		d.t.Fatal(err)
	}
	return db
}

// Exec runs statements that prepare the test.
func (d *Database) Exec(statements ...string) {
	d.t.Helper()
	db := d.Open()
	defer func() { _ = db.Close() }()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			d.t.Fatalf("%v\n%.200s", err, s)
		}
	}
}

func (d *Database) path(parts ...any) string {
	return filepath.Join(d.dir, fmt.Sprint(parts...))
}
