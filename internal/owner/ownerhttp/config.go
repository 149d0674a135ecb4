package ownerhttp

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Defaults and limits. Every limit that bites is the Reason of an error and a count of Stats.
const (
	// DefaultTimeout bounds one page, its body included.
	DefaultTimeout = 30 * time.Second
	// DefaultMaxPages is a million tokens at the hundred a page that most APIs give.
	DefaultMaxPages = 10_000
	// DefaultMaxRows is what a directory file may hold, too.
	DefaultMaxRows = 1_000_000
	// DefaultMaxPageBytes is twice what a page of ten thousand rows takes, after decompression.
	DefaultMaxPageBytes = 16 << 20
	// DefaultMaxBytes is that of a whole list: four times a directory file, as JSON APIs say more than is asked.
	DefaultMaxBytes = 1 << 30
	// maxLookupBytes bounds the answer about one token.
	maxLookupBytes = 1 << 20
	// maxURLBytes bounds an address that a server or a token's claims make: what servers accept.
	maxURLBytes = 8 << 10
	// maxRedirects is one more than a renamed endpoint behind a renamed API needs.
	maxRedirects = 3
)

// Config says where the directory is and what its answers mean.
type Config struct {
	// URL of the list; without it the source cannot Load.
	URL string
	// LookupURL is the address of one token, with placeholders such as {sha256_hex}; without it the source cannot Find.
	LookupURL string
	// Client makes the requests; nil is the default client. Redirects are followed within the origin only, whatever it
	// says.
	Client *http.Client

	// Rows is the dotted path to the list of rows; empty: the document itself, or its items, data, results or tokens.
	Rows string
	// Fields maps directory fields to dotted paths within a row (`owner_id: owner.email`, `owner_id: owners.0.id`).
	// Empty: a row has the directory's own names.
	Fields map[string]string
	Paging Paging

	Timeout      time.Duration // of one request
	MaxPages     int           // of one list
	MaxRows      int           // of one list
	MaxPageBytes int           // of one page, decompressed
	MaxBytes     int64         // of one list, decompressed
}

// Paging says how a list goes on, for servers that do not say it by a Link header.
type Paging struct {
	// CursorField is the dotted path of the next page's cursor or address in the body; empty: next_page_token, next_cursor
	// or next.
	CursorField string
	// CursorParam is the query parameter a cursor is sent in; empty: page_token for next_page_token, else cursor.
	CursorParam string
	// PageParam, where given, is the query parameter of the page's number, and pages are asked for until one is empty.
	PageParam string
	// ZeroBased says that the first page is 0, not 1.
	ZeroBased bool
}

func (c Config) withDefaults() Config {
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.MaxPages == 0 {
		c.MaxPages = DefaultMaxPages
	}
	if c.MaxRows == 0 {
		c.MaxRows = DefaultMaxRows
	}
	if c.MaxPageBytes == 0 {
		c.MaxPageBytes = DefaultMaxPageBytes
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	return c
}

// Validate checks what Open would refuse.
func (c Config) Validate() error {
	_, err := Open(c)
	return err
}

func (c Config) check() error {
	var errs []error
	if c.URL == "" && c.LookupURL == "" {
		errs = append(errs, errors.New("needs `url` or `lookup_url`"))
	}
	if c.URL != "" {
		if _, err := parseURL(c.URL); err != nil {
			errs = append(errs, fmt.Errorf("`url` %w", err))
		}
	}
	if c.Paging.PageParam != "" && (c.Paging.CursorField != "" || c.Paging.CursorParam != "") {
		errs = append(errs, errors.New("`paging` must go by cursor or by page number, found both"))
	}
	for _, limit := range []struct {
		name  string
		value int64
	}{
		{"timeout", int64(c.Timeout)},
		{"max_pages", int64(c.MaxPages)},
		{"max_rows", int64(c.MaxRows)},
		{"max_page_bytes", int64(c.MaxPageBytes)},
		{"max_bytes", c.MaxBytes},
	} {
		if limit.value < 0 {
			errs = append(errs, fmt.Errorf("`%s` must not be negative, found %d", limit.name, limit.value))
		}
	}
	return errors.Join(errs...)
}

var errURL = errors.New("must be an http or https address without a user, a password or a fragment")

// parseURL does not repeat the address: its query may carry a key.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.Fragment != "" {
		return nil, errURL
	}
	return u, nil
}
