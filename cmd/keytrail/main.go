// Command keytrail asks the trail: who used this token, what did it do, who owns it, what looked wrong. It also makes
// key rings, sends access logs to a collector, and plays the demo.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/internal/query"
)

// version is set from builder-config.yaml by the Makefile.
var version = "devel"

// Exit codes: 1 where the command failed, 2 where it was called in a wrong way.
const (
	exitFailure = 1
	exitUsage   = 2
)

// hintError is an error with the line that says what to do about it.
type hintError struct {
	err  error
	hint string
}

func (e hintError) Error() string { return e.err.Error() }
func (e hintError) Unwrap() error { return e.err }

func hint(err error, text string) error { return hintError{err, text} }

// usageError is a call that cannot be understood.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var known usageError
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		err = errors.New("interrupted")
	case strings.HasPrefix(err.Error(), "unknown command") && !errors.As(err, &known): // cobra's text shows what was typed
		err = hint(usage("unknown command"), "keytrail --help lists them")
	}
	return complain(stderr, err)
}

// complain prints an error with its hint and gives the exit code. What others wrote into it, such as the name of a
// file or the answer of a server, reaches the terminal as visible text only.
func complain(w io.Writer, err error) int {
	line := func(kind, text string) {
		for part := range strings.Lines(text) {
			fmt.Fprintf(w, "%s: %s\n", kind, query.Visible(strings.TrimSuffix(part, "\n")))
		}
	}
	line("error", err.Error())
	var h hintError
	if errors.As(err, &h) {
		line("hint", h.hint)
	}
	var u usageError
	if errors.As(err, &u) {
		return exitUsage
	}
	return exitFailure
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "keytrail",
		Short:         "Who used this token, what did it do, and what looked wrong",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(newHelp())
	root.AddCommand(newDemo(), newSend(), newFingerprint(), newTrail(), newWhois(), newTokens(), newAlerts(), newDoctor(), newKeys(), newArchive(), newLokiConfig())
	return root
}
