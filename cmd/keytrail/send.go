package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/keytrail/keytrail/internal/query"
	"github.com/keytrail/keytrail/internal/ship"
)

type sender struct {
	endpoint, format string
	headers          []string
	patience         time.Duration
}

// maxFiles bounds the arguments: more than a shell's expansion of any log folder.
const maxFiles = 100_000

func newSend() *cobra.Command {
	var s sender
	c := &cobra.Command{
		Use:   "send FILE…",
		Short: "Send access logs to a collector, any format, plain or gzip; - is standard input",
		Long: "Send access logs to a collector, any format, plain or gzip; - is standard input.\n" +
			"Sending a file again is safe: its events keep their ids. (In a file that has grown, records without a request id\n" +
			"near its old end may appear twice.) Exit 1 if anything could not be delivered, or nothing was accepted.",
		Example: "  keytrail send /var/log/nginx/access.log\n  zcat old.gz | keytrail send --format kong -",
		Args:    someArgs(1, maxFiles),
		RunE:    func(c *cobra.Command, args []string) error { return s.send(c, args) },
	}
	f := c.Flags()
	f.StringVar(&s.endpoint, "endpoint", "http://localhost:4380", "the collector's ingest address")
	f.StringVar(&s.format, "format", "", "kong, nginx, haproxy, … (docs/formats lists them), or the path of a configured source (default: each record is recognised)")
	f.StringArrayVar(&s.headers, "header-file", nil, "file with header lines to send along, such as Authorization (never on the command line)")
	f.DurationVar(&s.patience, "patience", 2*time.Minute, "how long a body is repeated while the collector refuses it for now or cannot be reached")
	return c
}

func (s *sender) client() (*ship.Client, error) {
	target, err := s.target()
	if err != nil {
		return nil, err
	}
	h := http.Header{}
	for _, file := range s.headers {
		if err := readHeaders(file, h); err != nil {
			return nil, err
		}
	}
	if s.patience < 0 {
		return nil, usage("patience must not be negative, found %s", s.patience)
	}
	return &ship.Client{URL: target, HTTP: ship.NewHTTPClient(), Header: h, Patience: s.patience}, nil
}

var sourcePath = regexp.MustCompile(`^[a-z0-9][a-z0-9_./-]*$`)

// target is the URL that bodies are posted to. No part of a bad endpoint is repeated: it may hold a password.
func (s *sender) target() (string, error) {
	u, err := url.Parse(s.endpoint)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "", usage("endpoint must be a URL such as http://localhost:4380")
	case u.User != nil:
		return "", hint(usage("endpoint must not hold a user or a password"), "put the Authorization header into a file and pass --header-file")
	case u.RawQuery != "" || u.Fragment != "":
		return "", usage("endpoint must end before ? and #")
	case s.format != "" && !sourcePath.MatchString(s.format):
		return "", usage("format must be one that --help names or the path of a source, found %s", shown(s.format))
	}
	return u.JoinPath("ingest", s.format).String(), nil
}

// readHeaders reads lines of the form "name: value" into h. Their text is in no error: it is a credential.
func readHeaders(file string, h http.Header) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !ok || !headerName.MatchString(name) || strings.ContainsFunc(value, unicode.IsControl) {
			return usage("header-file %s must hold lines of the form name: value, line %d does not", file, n)
		}
		h.Add(name, value)
	}
	return nil
}

var headerName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

func (s *sender) send(c *cobra.Command, files []string) error {
	client, err := s.client()
	if err != nil {
		return err
	}
	var total ship.Answer
	for _, file := range files {
		if err := s.file(c, client, file, &total); err != nil {
			fmt.Fprintf(c.ErrOrStderr(), "%s\n", summary(total))
			return err
		}
	}
	fmt.Fprintf(c.OutOrStdout(), "%s\n", summary(total))
	if total.Accepted == 0 && total.Rejected > 0 {
		return hint(errors.New("nothing was accepted"), "is it an access log? --format names its format where it is not recognised")
	}
	return nil
}

func (s *sender) file(c *cobra.Command, client *ship.Client, file string, total *ship.Answer) error {
	in := c.InOrStdin()
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	show := newProgress(c.ErrOrStderr())
	defer show.done()
	for body, err := range ship.Bodies(in) {
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		a, err := client.Send(c.Context(), body)
		if err != nil {
			return s.undelivered(file, err)
		}
		total.Add(a)
		show.set("%s: %d accepted, %d rejected", query.Visible(file), total.Accepted, total.Rejected)
	}
	return nil
}

// undelivered says what to do about a body that did not get through.
func (s *sender) undelivered(file string, err error) error {
	var status *ship.StatusError
	var later *ship.LaterError
	told := fmt.Errorf("%s: %w", file, err)
	switch {
	case errors.As(err, &later) && later.Status == 0:
		return hint(told, "is a collector listening at "+s.endpoint+"? start one with: otelcol-keytrail --config embedded:quickstart")
	case errors.As(err, &later):
		return hint(told, "its journal may be full or its disk slow; sending the file again repeats nothing")
	case errors.As(err, &status) && (status.Status == http.StatusUnauthorized || status.Status == http.StatusForbidden):
		return hint(told, "pass the Authorization header with --header-file")
	case errors.As(err, &status) && status.Status == http.StatusNotFound:
		return hint(told, "--format must be one that the collector knows, --endpoint its ingest address")
	}
	return told
}

func summary(a ship.Answer) string {
	text := fmt.Sprintf("%d accepted, %d rejected", a.Accepted, a.Rejected)
	for _, reason := range slices.Sorted(maps.Keys(a.Reasons)) {
		text += fmt.Sprintf("; %s: %d", query.Visible(reason), a.Reasons[reason])
	}
	if n := a.Unlisted(); n > 0 {
		text += fmt.Sprintf("; not listed: %d", n)
	}
	return text
}

// progress shows one changing line on a terminal, for anything that takes more than a second.
type progress struct {
	w     io.Writer
	tty   bool
	next  time.Time
	shown bool
}

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, tty: ok && term.IsTerminal(int(f.Fd())), next: time.Now().Add(time.Second)}
}

func (p *progress) set(format string, args ...any) {
	if !p.tty || time.Now().Before(p.next) {
		return
	}
	p.next, p.shown = time.Now().Add(200*time.Millisecond), true
	fmt.Fprintf(p.w, "\r\x1b[K"+format, args...)
}

func (p *progress) done() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
