package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/event"
)

// SourceKey is what a source sends in one format.
type SourceKey struct{ Source, Format string }

// SourceLine is how much the requests of one source and format show of their credentials.
type SourceLine struct {
	SourceKey
	Requests                             int
	Visible, Masked, Truncated, ID, None int
	// Of those that show none: refused is what a caller without a token gets, so the log may well be right; served
	// is what nobody should get without one, unless the route is public.
	NoneServed, NoneRefused int
	RedactionFailed         int
	TimeClaimed             int // the claimed time was out of bounds
	First, Last             time.Time
}

// sourceKeys are the attributes that a line needs.
var sourceKeys = []string{
	event.KeyEventID, event.KeySource, event.KeyFormat, event.KeyFingerprint, event.KeyTokenVisibility, event.KeyTokenTruncated,
	event.KeyStatus, event.KeyRedaction, event.KeyTimeClaimed,
}

// Sources says of each source and format how much its requests show, the source's name first.
func (s *Store) Sources(ctx context.Context, sel archive.Selection) ([]SourceLine, *Report, error) {
	sel.Names, sel.Keys, sel.Primary = []string{event.NameRequest}, sourceKeys, true
	rows, rep := s.Rows(ctx, sel)
	c := newSourceCensus()
	for h, err := range rows {
		if err != nil {
			return nil, rep, err
		}
		if len(c.seen) >= MaxSightings {
			return nil, rep, fmt.Errorf("more than %d requests match: narrow the search with --since or --until", MaxSightings)
		}
		c.add(&h.Record, h.Rank)
	}
	return c.lines(), rep, nil
}

// sourceCensus counts each event once, by its richest copy.
type sourceCensus struct {
	at    map[[16]byte]int // index into seen
	seen  []sourceSighting
	index map[SourceKey]uint32
	keys  []SourceKey
	ids   eventIDs
}

// sourceSighting is what one event says.
type sourceSighting struct {
	at         int64
	rank       int32
	key        uint32
	status     int16
	visibility uint8 // index into visibilities
	failed     bool
	claimed    bool
}

var visibilities = []string{
	event.VisibilityVisible, event.VisibilityMasked, event.VisibilityTruncated, event.VisibilityID, event.VisibilityNone,
}

const (
	seesVisible = iota
	seesMasked
	seesTruncated
	seesID
	seesNone
)

func newSourceCensus() *sourceCensus {
	return &sourceCensus{at: map[[16]byte]int{}, index: map[SourceKey]uint32{}}
}

// maxSourceKeys bounds the list: sources are declared and formats known, but spans of others may bear any name.
const maxSourceKeys = 1024

func (c *sourceCensus) key(r *event.Record) uint32 {
	k := SourceKey{r.Attrs.Str(event.KeySource), r.Attrs.Str(event.KeyFormat)}
	i, ok := c.index[k]
	if !ok && len(c.keys) >= maxSourceKeys {
		k = SourceKey{Source: otherValues}
		i, ok = c.index[k]
	}
	if !ok {
		i = uint32(len(c.keys))
		c.index[k] = i
		c.keys = append(c.keys, k)
	}
	return i
}

func (c *sourceCensus) add(r *event.Record, rank int) {
	s := sourceSighting{
		at: r.Time, rank: int32(rank), key: c.key(r), status: int16(min(max(r.Attrs.Int(event.KeyStatus), 0), 999)),
		visibility: visibilityOf(r), failed: r.Attrs.Str(event.KeyRedaction) == event.RedactionFailed,
	}
	_, s.claimed = r.Attrs.Get(event.KeyTimeClaimed)
	id := c.ids.of(r.Attrs.Str(event.KeyEventID))
	switch at, known := c.at[id]; {
	case !known:
		c.at[id] = len(c.seen)
		c.seen = append(c.seen, s)
	case c.seen[at].rank < s.rank:
		c.seen[at] = s
	}
}

// visibilityOf reads what the receiver said, and what an event shows that was kept before it said so.
func visibilityOf(r *event.Record) uint8 {
	if i := slices.Index(visibilities, r.Attrs.Str(event.KeyTokenVisibility)); i >= 0 {
		return uint8(i)
	}
	truncated, _ := r.Attrs.Get(event.KeyTokenTruncated)
	switch {
	case r.Attrs.Str(event.KeyFingerprint) != "":
		return seesVisible
	case truncated.Bool():
		return seesMasked
	}
	return seesNone
}

func (c *sourceCensus) lines() []SourceLine {
	lines := make([]SourceLine, len(c.keys))
	for i, k := range c.keys {
		lines[i].SourceKey = k
	}
	for _, s := range c.seen {
		lines[s.key].count(s)
	}
	lines = slices.DeleteFunc(lines, func(l SourceLine) bool { return l.Requests == 0 }) // a richer copy names another format
	slices.SortFunc(lines, func(a, b SourceLine) int {
		return cmp.Or(strings.Compare(a.Source, b.Source), strings.Compare(a.Format, b.Format))
	})
	return lines
}

func (l *SourceLine) count(s sourceSighting) {
	l.Requests++
	switch s.visibility {
	case seesVisible:
		l.Visible++
	case seesMasked:
		l.Masked++
	case seesTruncated:
		l.Truncated++
	case seesID:
		l.ID++
	default:
		l.None++
		switch {
		case s.status >= 200 && s.status < 400:
			l.NoneServed++
		case s.status == 401 || s.status == 403 || s.status == 407:
			l.NoneRefused++
		}
	}
	if s.failed {
		l.RedactionFailed++
	}
	if s.claimed {
		l.TimeClaimed++
	}
	t := time.Unix(0, s.at).UTC()
	l.Last = later(l.Last, t)
	if l.First.IsZero() || t.Before(l.First) {
		l.First = t
	}
}

// Add joins the lines of one source.
func (l *SourceLine) Add(o *SourceLine) {
	l.Requests += o.Requests
	l.Visible += o.Visible
	l.Masked += o.Masked
	l.Truncated += o.Truncated
	l.ID += o.ID
	l.None += o.None
	l.NoneServed += o.NoneServed
	l.NoneRefused += o.NoneRefused
	l.RedactionFailed += o.RedactionFailed
	l.TimeClaimed += o.TimeClaimed
	l.Last = later(l.Last, o.Last)
	if l.First.IsZero() || !o.First.IsZero() && o.First.Before(l.First) {
		l.First = o.First
	}
}
