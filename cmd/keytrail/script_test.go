package main

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/script")

// underTest is the name by which scripts start the command; they call it keytrail, see keytrailCmd.
const underTest = "keytrail-under-test"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){underTest: main})
}

// TestScripts types each command as its user does. The scripts have, beside testscript's own commands:
//
//	[!] keytrail ARG…       run it; exit code 0, or 1 with !
//	misuse keytrail ARG…    run it; exit code 2, nothing on standard output
//	ring FILE EPOCHS        a key ring of known keys
//	trail DIR EVENTS [KEY]  an archive and a journal in DIR, of the events in a file: see fixture_test.go
//	newkey FILE             a key file that seals a journal
//	corrupt GLOB            spoil the files
//	collector ANSWER…       a server that answers so, the last for ever: see collector_test.go
//	metrics FILE            a server of a collector's own metrics: see doctor_test.go
//	received FILE           what it has taken, one body after the other
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Vars = slices.DeleteFunc(e.Vars, func(v string) bool { return strings.HasPrefix(v, "KEYTRAIL_") })
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"keytrail": keytrailCmd, "misuse": misuseCmd, "ring": ringCmd, "trail": trailCmd, "corrupt": corruptCmd,
			"collector": collectorCmd, "received": receivedCmd, "metrics": metricsCmd,
			"newkey": newkeyCmd,
		},
	})
}

func keytrailCmd(ts *testscript.TestScript, neg bool, args []string) {
	want := 0
	if neg {
		want = exitFailure
	}
	call(ts, want, args)
}

func misuseCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || args[0] != "keytrail" {
		ts.Fatalf("usage: misuse keytrail arg…")
	}
	call(ts, exitUsage, args[1:])
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("a misuse printed %q", out)
	}
}

// canary stands in every raw token of the scripts, and may stand in nothing that the command prints.
const canary = "CANARY"

func call(ts *testscript.TestScript, want int, args []string) {
	err := ts.Exec(underTest, args...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if code != want {
		ts.Fatalf("want exit code %d, got %d", want, code)
	}
	for _, stream := range []string{"stdout", "stderr"} {
		if strings.Contains(ts.ReadFile(stream), canary) {
			ts.Fatalf("a raw token is on %s", stream)
		}
	}
}

// ringYAML holds the ring of known keys that the fingerprint vectors are frozen under.
const ringYAML = "../../internal/fingerprint/testdata/ring.yaml"

func ringCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || args[1] != "1" && args[1] != "2" {
		ts.Fatalf("usage: ring file 1|2")
	}
	b, err := os.ReadFile(filepath.Join(home, ringYAML))
	ts.Check(err)
	text := string(b)
	if args[1] == "1" {
		text, _, _ = strings.Cut(text, "  - epoch: 2")
	}
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
	ts.Check(os.WriteFile(path, []byte(text), 0o600))
}

// home is the package's folder: a script works in one of its own.
var home, _ = os.Getwd()

func corruptCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: corrupt glob")
	}
	n := 0
	ts.Check(filepath.WalkDir(ts.MkAbs("."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(ts.MkAbs("."), path)
		if err != nil {
			return err
		}
		if match, err := filepath.Match(args[0], filepath.ToSlash(rel)); err != nil || !match {
			return err
		}
		n++
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
		return os.WriteFile(path, []byte("spoilt"), 0o600)
	}))
	if n == 0 {
		ts.Fatalf("no file matches %s", args[0])
	}
}
