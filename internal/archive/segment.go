package archive

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// chunkBytes is the size in which encoded records are held. Blocks are made from the encoded form, decoded row by row
// in sort order: a segment's decoded records would be several times its size.
const chunkBytes = 4 << 20

// segment is the content of one closed journal segment, ready to be sorted.
type segment struct {
	chunks  [][]byte
	entries []entry
	rows    []segmentRow
	scopes  map[event.Scope]bool
	owners  map[string]bool
	arrived int64 // the newest arrival
	newest  int64 // the newest event time
}

// entry is one record in its encoded form.
type entry struct {
	chunk, from, to int32
	time            int64
	observed        int64
	id              string
	classes         uint64 // bit i is the writer's class i
	has             uint64 // bit i is bloom column i
	name            string
}

// segmentRow is an entry under one of its fingerprints.
type segmentRow struct {
	fingerprint string
	entry       int32
	primary     bool
}

func (s *segment) add(r *event.Record, classes uint64) {
	n := len(s.chunks) - 1
	if n < 0 || len(s.chunks[n]) >= chunkBytes {
		s.chunks = append(s.chunks, make([]byte, 0, chunkBytes+chunkBytes/4))
		n++
	}
	from := len(s.chunks[n])
	s.chunks[n] = r.Append(s.chunks[n])
	s.entries = append(s.entries, entry{
		chunk: int32(n), from: int32(from), to: int32(len(s.chunks[n])),
		time: r.Time, observed: arrival(r), id: stringAttr(r, event.KeyEventID),
		classes: classes, has: bloomColumnsOf(r), name: r.Name,
	})
	for fp, primary := range fingerprints(r) {
		s.rows = append(s.rows, segmentRow{fp, int32(len(s.entries) - 1), primary})
	}
	s.scopes[r.Scope] = true
	if owner := r.Attrs.Str(event.KeyOwnerID); owner != "" {
		s.owners[owner] = true
	}
	s.arrived = max(s.arrived, arrival(r))
	s.newest = max(s.newest, r.Time)
}

// arrival is when the record came in; a record of a producer that does not say came when it happened.
func arrival(r *event.Record) int64 {
	if r.Observed != 0 {
		return r.Observed
	}
	return r.Time
}

func (s *segment) encoded(e *entry) []byte { return s.chunks[e.chunk][e.from:e.to] }

// fingerprints yields the fingerprints a record has rows under: the primary one, empty without a token, then the rest.
func fingerprints(r *event.Record) iter.Seq2[string, bool] {
	return func(yield func(string, bool) bool) {
		primary := stringAttr(r, event.KeyFingerprint)
		if !yield(primary, true) {
			return
		}
		others, _ := r.Attrs.Get(event.KeyOthers)
		seen := []string{primary}
		for _, o := range others.Strings() {
			fp, _, _ := strings.Cut(o, " ") // "fingerprint location scheme"
			if fp == "" || slices.Contains(seen, fp) {
				continue
			}
			seen = append(seen, fp)
			if !yield(fp, false) {
				return
			}
		}
	}
}

// bloomColumnsOf tells which of the columns with a bloom filter the record gives a value.
func bloomColumnsOf(r *event.Record) (has uint64) {
	for i, c := range bloomColumns {
		switch {
		case c.name == colTraceID:
			if r.TraceID != [16]byte{} {
				has |= 1 << i
			}
		case c.name == colFingerprint:
			has |= 1 << i // empty is a value too
		case c.key == event.KeyOwnerPseudonym:
			if stringAttr(r, event.KeyOwnerID) != "" {
				has |= 1 << i
			}
		default:
			if v, ok := r.Attrs.Get(c.key); ok && v.Kind() == c.kind {
				has |= 1 << i
			}
		}
	}
	return has
}

var bloomColumns = listBloomColumns()

func listBloomColumns() []*column {
	var l []*column
	for i := range columns {
		if columns[i].bloom {
			l = append(l, &columns[i])
		}
	}
	return l
}

// sort puts the rows in the order of every block: fingerprint, time, event id. The order in which records of equal keys
// came decides the rest, so that the same segment always gives the same blocks.
func (s *segment) sort() {
	slices.SortStableFunc(s.rows, func(a, b segmentRow) int {
		if a.fingerprint != b.fingerprint {
			return strings.Compare(a.fingerprint, b.fingerprint)
		}
		ea, eb := &s.entries[a.entry], &s.entries[b.entry]
		if ea.time != eb.time {
			return cmp.Compare(ea.time, eb.time)
		}
		return strings.Compare(ea.id, eb.id)
	})
}

// byDay returns the rows of one class, those whose entry has the bit, by event day and sorted as the segment is.
func (s *segment) byDay(class uint64) map[eventDay][]segmentRow {
	days := make(map[eventDay][]segmentRow)
	for _, r := range s.rows {
		if e := &s.entries[r.entry]; e.classes&class != 0 {
			d := dayOf(e.time)
			days[d] = append(days[d], r)
		}
	}
	return days
}
