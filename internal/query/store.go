package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/journal"
	"github.com/keytrail/keytrail/internal/seal"
)

// MaxEvents bounds what one answer holds in memory: at about 3 KB an event it is 3 GB, more than anybody reads.
// A longer answer is an error that names the filters, never a shorter answer.
const MaxEvents = 1_000_000

// Store is an archive with the journal that feeds it.
type Store struct {
	reader  *archive.Reader
	journal string // directory, empty where the journal is out of reach
	keys    seal.Keys
}

// Open opens the archive at location, a directory or s3://bucket/prefix, and, where journalDir is not empty, the journal
// in it. Nothing is written to either. The keys open what is sealed in the journal; a segment whose key is not among
// them is a SealedError in the report of each search.
func Open(location, journalDir string, keys ...*seal.Key) (*Store, error) {
	b, err := bucket.Open(context.Background(), location, bucket.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	return &Store{reader: archive.NewReader(b), journal: journalDir, keys: keys}, nil
}

// Rows yields every row that matches: first those of the journal, one for each fingerprint of a record, then those
// of the blocks. The order matters: a segment that moves into blocks meanwhile is seen twice, never not at all.
func (s *Store) Rows(ctx context.Context, sel archive.Selection) (iter.Seq2[archive.Hit, error], *Report) {
	rep := &Report{Since: sel.Since, Until: sel.Until}
	return func(yield func(archive.Hit, error) bool) {
		if !s.journalRows(ctx, sel, rep, yield) {
			return
		}
		hits, blocks := s.reader.Search(ctx, sel)
		for h, err := range hits {
			var commit *archive.CommitError
			if errors.As(err, &commit) { // no commit at all could be read: what the journal gave still stands
				rep.Unreadable = append(rep.Unreadable, err)
				continue
			}
			if !yield(h, err) {
				return
			}
		}
		rep.take(blocks)
		s.describe(ctx, rep)
	}, rep
}

// records yields what the journal holds; the record is valid until the next one.
func (s *Store) records() iter.Seq2[*event.Record, error] {
	return func(yield func(*event.Record, error) bool) {
		if s.journal == "" {
			return
		}
		var r event.Record
		for e, err := range journal.Tail(s.journal, s.keys...) {
			if err == nil {
				if err = r.Decode(e.Payload); err != nil {
					err = fmt.Errorf("journal: segment %d: %w", e.Seq, err)
				}
			}
			if !yield(&r, err) {
				return
			}
		}
	}
}

func (s *Store) journalRows(ctx context.Context, sel archive.Selection, rep *Report, yield func(archive.Hit, error) bool) bool {
	m := newMatcher(sel)
	for r, err := range s.records() {
		if ctx.Err() != nil {
			yield(archive.Hit{}, ctx.Err())
			return false
		}
		if err != nil {
			rep.missed(err)
			continue
		}
		rep.Journal++
		rep.Newest = later(rep.Newest, time.Unix(0, r.Time))
		rep.stamped(r.Scope)
		for h := range m.hits(r) {
			if !yield(h, nil) {
				return false
			}
		}
	}
	return true
}

// describe completes the report with what the archive says of itself. Commits that could not be read are in the
// report already.
func (s *Store) describe(ctx context.Context, rep *Report) {
	newest, err := s.reader.Newest(ctx)
	rep.Newest = later(rep.Newest, newest)
	epochs, epochsErr := s.reader.Epochs(ctx)
	for _, e := range epochs {
		rep.stamped(event.Scope(e))
	}
	if err = cmp.Or(err, epochsErr); err != nil && len(rep.Unreadable) == 0 {
		rep.Unreadable = append(rep.Unreadable, err)
	}
}

// Epochs lists the key epochs that stamped anything the archive or the journal holds.
func (s *Store) Epochs(ctx context.Context) ([]archive.Epoch, error) {
	var rep Report
	for r, err := range s.records() {
		if err != nil {
			return nil, err
		}
		rep.stamped(r.Scope)
	}
	epochs, err := s.reader.Epochs(ctx)
	for _, e := range epochs {
		rep.stamped(event.Scope(e))
	}
	return rep.Epochs, err
}

// Event is one event of an answer: the richest of its copies.
type Event struct {
	event.Record
	Fingerprint string // the one it was found by
	rank        int
}

// Events returns what matches, oldest first, each event once.
func (s *Store) Events(ctx context.Context, sel archive.Selection, f Filter) ([]Event, *Report, error) {
	rows, rep := s.Rows(ctx, sel)
	byID := make(map[string]int)
	var out []Event
	for h, err := range rows {
		if err != nil {
			return nil, rep, err
		}
		if len(sel.Fingerprints) == 0 { // found by something else: it counts under the token it came with
			h.Fingerprint = h.Record.Attrs.Str(event.KeyFingerprint)
		}
		id := h.Record.Attrs.Str(event.KeyEventID)
		at, seen := byID[id]
		switch {
		case seen && out[at].rank >= h.Rank:
			continue
		case seen:
			out[at] = Event{h.Record.Clone(), h.Fingerprint, h.Rank}
			continue
		case len(out) >= MaxEvents:
			return nil, rep, fmt.Errorf("more than %d events match: narrow the search with --since, --until or a selector", MaxEvents)
		}
		if id != "" {
			byID[id] = len(out)
		}
		out = append(out, Event{h.Record.Clone(), h.Fingerprint, h.Rank})
	}
	// Only the richest copy can say whether the filter holds: a skeleton has no path.
	out = slices.DeleteFunc(out, func(e Event) bool { return !rep.passes(f.Match(&e.Record)) })
	slices.SortStableFunc(out, inOrder)
	return out, rep, nil
}

// inOrder is by time and then by id, so that an answer does not change when its events move into blocks.
func inOrder(a, b Event) int {
	if c := cmp.Compare(a.Time, b.Time); c != 0 {
		return c
	}
	return strings.Compare(a.Attrs.Str(event.KeyEventID), b.Attrs.Str(event.KeyEventID))
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
