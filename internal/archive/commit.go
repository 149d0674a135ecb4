package archive

import (
	"context"
	"fmt"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// The versions of the commit document. A reader refuses a commit it does not know: one that took a replace-commit for a
// plain one would show its rows twice.
const (
	commitVersion  = 1
	replaceVersion = 2
)

// Commit says which blocks one journal segment became, or, as a replace-commit, which blocks stand for others from now
// on. Once it stands under its key its blocks are visible.
type Commit struct {
	Version int       `json:"version"`
	Writer  string    `json:"writer"`
	Segment uint64    `json:"segment"`
	Arrived time.Time `json:"arrived"` // the newest arrival in the segment; its day is the flush day
	Newest  time.Time `json:"newest"`  // the newest event time
	Records int64     `json:"records"`
	// ExpiredOnArrival counts records so late that no class that wants them keeps their day any more.
	ExpiredOnArrival int64 `json:"expired_on_arrival"`
	// Unclassed counts records that name no class the writer knows: the configuration changed while they waited.
	Unclassed int64 `json:"unclassed"`
	// Erased counts records of someone whose erasure was asked for while they lay in the journal.
	Erased int64   `json:"erased,omitempty"`
	Rings  []Epoch `json:"rings"`
	Files  []File  `json:"files"`

	// The rest is of a replace-commit, which has no writer and no segment. Each one is the whole state of the blocks of
	// one class and day that were ever rewritten: only the highest generation counts.
	Class      string    `json:"class,omitempty"`
	Day        string    `json:"day,omitempty"`
	Generation uint64    `json:"generation,omitempty"`
	Created    time.Time `json:"created,omitzero"`
	Ends       time.Time `json:"ends,omitzero"`      // when no class that it ever held a block of keeps the day any more
	Reason     string    `json:"reason,omitempty"`   // what it was made for
	Replaces   []string  `json:"replaces,omitempty"` // blocks of plain commits that Files stand for
}

// Epoch is a key epoch that stamped records of a commit, with its check value.
type Epoch struct {
	Ring  string `json:"ring"`
	Epoch int    `json:"epoch"`
	Check string `json:"kcv"`
}

// File describes one block, enough to decide without opening it whether a search needs it.
type File struct {
	Key            string           `json:"key"`
	Class          string           `json:"class"`
	ClassHash      string           `json:"class_hash"`
	Day            string           `json:"day"`
	Size           int64            `json:"size"`
	FooterLength   int64            `json:"footer_length"` // length of the Parquet footer, without the 8 bytes that follow it
	IndexOffset    int64            `json:"index_offset"`  // where the page indexes begin; the footer follows
	IndexSHA256    string           `json:"index_sha256"`  // of the file from there on
	Rows           int64            `json:"rows"`
	Events         int64            `json:"events"` // rows that are primary
	MinTime        time.Time        `json:"min_time"`
	MaxTime        time.Time        `json:"max_time"`
	MinFingerprint string           `json:"min_fingerprint"` // of the rows that have one
	MaxFingerprint string           `json:"max_fingerprint"`
	Anonymous      bool             `json:"anonymous,omitempty"` // it has rows without one; only said of a block with a level
	Heads          []string         `json:"heads"`               // kinds and epochs of its fingerprints, such as kt3
	Names          map[string]int64 `json:"names"`               // rows by event name
	SHA256         string           `json:"sha256"`
	Blooms         map[string]Bloom `json:"blooms"` // by column; a column without a value has none
	// Level is 0 for a block of one segment, 1 for one merged while its day went on, 2 for one of a day that is over.
	Level   int       `json:"level,omitempty"`
	Written time.Time `json:"written,omitzero"` // of a block with a level
}

// Bloom is where the bits of a column's bloom filter stand in the file.
type Bloom struct {
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`
}

// day returns the event day of the block.
func (f *File) day() (eventDay, error) {
	t, err := time.Parse(dayLayout, f.Day)
	if err != nil {
		return 0, fmt.Errorf("block %s: day %q is not a date", f.Key, f.Day)
	}
	return dayOf(t.UnixNano()), nil
}

func readCommit(ctx context.Context, b bucket.Bucket, key string) (*Commit, error) {
	c := &Commit{}
	if err := getDocument(ctx, b, key, c); err != nil {
		return nil, err
	}
	want := commitVersion
	if _, _, ok := parseReplaceKey(key); ok {
		want = replaceVersion
	}
	if c.Version != want {
		return nil, fmt.Errorf("%s: commit version %d is not known, want %d", key, c.Version, want)
	}
	return c, nil
}
