package owner

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Limits of a directory file. Beyond them the file is refused as a whole, like any other bad file.
const (
	// MaxFileBytes is what a million rows with names and mail addresses take, and what fits in memory twice during
	// a reload.
	MaxFileBytes = 256 << 20
	// MaxRows is ten times the tokens of the largest installation we design for.
	MaxRows = 1_000_000
	// maxRowErrors is how many bad rows one error names; the rest are only counted.
	maxRowErrors = 10
)

// Format is how a directory file is written.
type Format string

// The formats of directory files.
const (
	YAML Format = "yaml"
	CSV  Format = "csv"
)

// FormatOf tells the format from the file's name.
func FormatOf(path string) (Format, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml":
		return YAML, nil
	case ".csv":
		return CSV, nil
	}
	return "", fmt.Errorf("must end in .yaml, .yml or .csv, found %q", filepath.Base(path))
}

// Directory is a loaded file. It is immutable.
type Directory struct {
	rows []*Row
}

// Len returns the number of rows.
func (d *Directory) Len() int { return len(d.rows) }

// Load reads a directory file.
func Load(path string, now time.Time) (*Directory, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return parseFile(path, data, now)
}

func parseFile(path string, data []byte, now time.Time) (*Directory, error) {
	format, err := FormatOf(path)
	if err != nil {
		return nil, err
	}
	return Parse(format, data, now)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxFileBytes {
		return nil, fmt.Errorf("file must be at most %d bytes", MaxFileBytes)
	}
	return data, nil
}

// Parse reads a directory from memory. One bad row refuses the whole file: a directory that silently lacks a row
// would say "unknown" of a token that somebody owns, or "active" of one that was revoked.
func Parse(format Format, data []byte, now time.Time) (*Directory, error) {
	c := collector{seen: make(map[string]int)}
	var err error
	switch format {
	case YAML:
		err = parseYAML(data, &c)
	case CSV:
		err = parseCSV(data, &c)
	default:
		return nil, fmt.Errorf("unknown directory format %q", string(format))
	}
	if err == nil {
		err = c.err()
	}
	if err != nil {
		return nil, err
	}
	for _, r := range c.rows {
		r.buildAttrs("file", now)
	}
	return &Directory{rows: c.rows}, nil
}

// collector gathers rows and the errors of bad ones.
type collector struct {
	rows []*Row
	seen map[string]int // key of a row -> its line
	errs []error
	bad  int
}

var errTooManyRows = fmt.Errorf("must hold at most %d rows", MaxRows)

// add takes a finished row or the error that it is.
func (c *collector) add(r *Row, err error) error {
	if len(c.rows)+c.bad >= MaxRows {
		return errTooManyRows
	}
	if err == nil {
		err = r.check()
	}
	if err == nil {
		err = c.claim(r)
	}
	if err == nil {
		c.rows = append(c.rows, r)
		return nil
	}
	c.bad++
	if len(c.errs) < maxRowErrors {
		c.errs = append(c.errs, fmt.Errorf("line %d: %w", r.Line, err))
	}
	return nil
}

// claim refuses two rows for one token: which of the two owns it would depend on their order.
func (c *collector) claim(r *Row) error {
	var keys [3]struct{ name, key string }
	if !r.Fingerprint.IsZero() {
		keys[0].name, keys[0].key = "fingerprint", "f"+r.Fingerprint.String()
	}
	if r.HasDigest {
		keys[1].name, keys[1].key = "sha256", "s"+string(r.Digest[:])
	}
	if r.CredentialID != "" {
		keys[2].name, keys[2].key = "credential_id", "i"+r.CredentialID
	}
	for _, k := range keys {
		if line, dup := c.seen[k.key]; dup && k.key != "" {
			return fmt.Errorf("`%s` is that of line %d", k.name, line)
		}
	}
	for _, k := range keys {
		if k.key != "" {
			c.seen[k.key] = r.Line
		}
	}
	return nil
}

func (c *collector) err() error {
	if c.bad == 0 {
		return nil
	}
	if rest := c.bad - len(c.errs); rest > 0 {
		c.errs = append(c.errs, fmt.Errorf("and %d more bad rows", rest))
	}
	return errors.Join(c.errs...)
}
