package archive

import (
	"context"
	"fmt"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// commitVersion is the version of the commit document. A reader refuses a commit it does not know.
const commitVersion = 1

// Commit says which blocks one journal segment became. Once it stands under its key they are visible.
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
	Unclassed int64   `json:"unclassed"`
	Rings     []Epoch `json:"rings"`
	Files     []File  `json:"files"`
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
	Heads          []string         `json:"heads"` // kinds and epochs of its fingerprints, such as kt3
	Names          map[string]int64 `json:"names"` // rows by event name
	SHA256         string           `json:"sha256"`
	Blooms         map[string]Bloom `json:"blooms"` // by column; a column without a value has none
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
	if c.Version != commitVersion {
		return nil, fmt.Errorf("%s: commit version %d is not known, want %d", key, c.Version, commitVersion)
	}
	return c, nil
}
