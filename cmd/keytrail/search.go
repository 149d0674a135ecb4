package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/query"
)

// grammar is the rule of all flags that select, in one sentence.
const grammar = "The same flag twice is OR, different flags are AND."

// search holds the flags that say where to look, for what, and how to print.
type search struct {
	archive, journal, keyring string

	tokenStdin, sumStdin                                                   bool
	fingerprints, credentials, jwts, owners, principals, traces, requestID []string
	issuers                                                                []string

	since, until                                string
	methods, routes, statuses, clients, service []string

	output query.Output
	limit  int

	ring   *fingerprint.Ring // what the token from standard input was fingerprinted with
	blind  bool              // there is no journal to read
	unseen string            // which sources do not show their tokens, where nothing was found
}

// folders adds the flags that say where archive and journal are.
func (s *search) folders(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&s.archive, "archive", archiveDefault(), archiveUsage)
	f.StringVar(&s.journal, "journal", os.Getenv("KEYTRAIL_JOURNAL"), "journal directory, for what is not in blocks yet ($KEYTRAIL_JOURNAL; default: journal beside the archive)")
}

func (s *search) where(c *cobra.Command) {
	s.folders(c)
	f := c.Flags()
	f.StringVar(&s.keyring, "keyring", "", "key ring file ($KEYTRAIL_KEYRING, else ./data/keyring.yaml)")
	s.output = query.Table
	f.VarP(&s.output, "output", "o", "how to print")
	f.IntVar(&s.limit, "limit", 0, "print at most this many, the newest; 0 is all")
}

func (s *search) selectors(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&s.tokenStdin, "token-stdin", false, "read a token from standard input: bare, a whole header line, or Basic text")
	f.BoolVar(&s.sumStdin, "sha256-stdin", false, "read a token's SHA-256 from standard input, in hex or base64")
	f.StringArrayVar(&s.fingerprints, "fingerprint", nil, "fingerprint, or a prefix of 8 hexadecimal digits or more")
	f.StringArrayVar(&s.credentials, "credential-id", nil, "the gateway's id of the credential")
	f.StringArrayVar(&s.jwts, "jwt-id", nil, "the jti claim of a JWT")
	f.StringArrayVar(&s.owners, "owner", nil, "owner id")
	f.StringArrayVar(&s.principals, "principal", nil, "principal (kp…)")
	f.StringArrayVar(&s.traces, "trace-id", nil, "trace id")
	f.StringArrayVar(&s.requestID, "request-id", nil, "the gateway's request id")
	f.StringArrayVar(&s.issuers, "issuer", nil, "issuer (a source of the collector) under which a login or access key from --token-stdin is looked up, beside other")
}

// filters are those that a request can answer; an alert answers only the places.
func (s *search) filters(c *cobra.Command) {
	s.places(c)
	f := c.Flags()
	f.StringArrayVar(&s.methods, "method", nil, "HTTP method")
	f.StringArrayVar(&s.statuses, "status", nil, "status code such as 403, or class such as 4xx")
}

// places are the filters by time and place.
func (s *search) places(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&s.since, "since", "", "from this time: a duration back such as 24h or 7d, or RFC 3339")
	f.StringVar(&s.until, "until", "", "before this time, likewise")
	f.StringArrayVar(&s.routes, "route", nil, "route, template or path; a trailing * matches any rest")
	f.StringArrayVar(&s.clients, "client", nil, "client address, a network such as 192.0.2.0/24, or a prefix that ends in . or :")
	f.StringArrayVar(&s.service, "service", nil, "service name")
}

// open finds the archive and its journal.
func (s *search) open() (*query.Store, error) {
	if err := archiveStands(s.archive); err != nil {
		return nil, err
	}
	journal := s.journal
	if journal == "" {
		journal, s.blind = journalBeside(s.archive)
	} else if _, err := os.Stat(journal); err != nil {
		return nil, hint(fmt.Errorf("no journal at %s", journal), "pass the journal directory of token_trail with --journal, or leave it out")
	}
	keys, err := s.journalKeys(journal)
	if err != nil {
		return nil, err
	}
	return query.Open(s.archive, journal, keys...)
}

// plan turns the flags into a selection and a filter; the fingerprints are for wanted to add.
func (s *search) plan(now time.Time) (archive.Selection, query.Filter, error) {
	sel := archive.Selection{
		Owner: s.owners, Principal: lower(s.principals), TraceID: lower(s.traces), RequestID: s.requestID, CredentialID: s.credentials, JWTID: s.jwts,
	}
	f := query.Filter{Method: s.methods, Route: s.routes, Client: s.clients, Service: s.service}
	if s.limit < 0 {
		return sel, f, usage("limit must not be negative, found %d", s.limit)
	}
	for _, fp := range s.fingerprints {
		if !fingerprintForm.MatchString(strings.ToLower(fp)) {
			return sel, f, hint(usage("fingerprint must be kt<epoch>_ and hexadecimal digits, or 8 digits or more of one, found %d other characters", len(fp)), stdinOnly)
		}
	}
	if s.tokenStdin && s.sumStdin {
		return sel, f, usage("only one of token-stdin and sha256-stdin can read standard input")
	}
	for _, text := range s.statuses {
		st, err := query.ParseStatus(text)
		if err != nil {
			return sel, f, usage("%v, found %s", err, shown(text))
		}
		f.Status = append(f.Status, st)
	}
	return sel, f, s.period(&sel, now)
}

func (s *search) period(sel *archive.Selection, now time.Time) (err error) {
	if sel.Since, err = moment(s.since, now); err != nil {
		return usage("since %w, found %s", err, shown(s.since))
	}
	if sel.Until, err = moment(s.until, now); err != nil {
		return usage("until %w, found %s", err, shown(s.until))
	}
	if !sel.Until.IsZero() && !sel.Since.Before(sel.Until) {
		return usage("since %s must lie before until %s", sel.Since.Format(time.RFC3339), sel.Until.Format(time.RFC3339))
	}
	return nil
}

var fingerprintForm = regexp.MustCompile(`^(k[tcp][0-9]{1,5}_)?[0-9a-f]{8,32}$`)

// wanted are the fingerprints to look for: those given, and those of the token on standard input.
func (s *search) wanted(in io.Reader) ([]string, error) {
	out := lower(s.fingerprints)
	if !s.tokenStdin && !s.sumStdin {
		return out, nil
	}
	ring, err := loadRing(s.keyring)
	if err != nil {
		return nil, err
	}
	var ids []fingerprint.ID
	if s.sumStdin {
		ids, err = readSum(in, ring)
	} else {
		ids, err = readToken(in, ring, append([]string{"other"}, s.issuers...))
	}
	for _, id := range ids {
		out = append(out, id.String())
	}
	s.ring = ring
	return out, err
}

// The times that can be asked for: what an event can carry in nanoseconds, from the year 1970 on.
var (
	firstMoment = time.Unix(0, 0)
	lastMoment  = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

var (
	errMoment = errors.New("must be a duration such as 24h or 7d, or a time in RFC 3339")
	errFar    = errors.New("must lie between 1970 and 2262")
)

// moment reads a duration back from now ("90m", "7d") or a time in RFC 3339; empty is no bound.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
	if err != nil {
		back, ok := ago(text)
		if !ok {
			return time.Time{}, errMoment
		}
		t = now.Add(-back)
	}
	if t.Before(firstMoment) || t.After(lastMoment) {
		return time.Time{}, errFar
	}
	return t, nil
}

const (
	day     = 24 * time.Hour
	maxDays = int(1<<63-1) / int(day)
)

// ago reads a duration, in whole days too: 7d is seven times 24 hours.
func ago(text string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		return time.Duration(min(n, maxDays)) * day, err == nil && n >= 0
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d >= 0
}

func lower(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.ToLower(s)
	}
	return out
}
