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

// Sight says how far a source lets the trail of a token be followed.
type Sight string

// What a source can be.
const (
	SightOK     Sight = "ok"
	SightPartly Sight = "partly blind"
	SightBlind  Sight = "blind"
	SightSilent Sight = "silent"
)

// From these shares on of the requests that should show a credential, a source is partly blind, and blind. A twentieth
// leaves room for health checks and public pages; a tenth that still shows is a second listener, not an audit.
const (
	partlyShare = 0.05
	blindShare  = 0.90
)

// Expected is how many requests should show a credential: all but those that were sent without one and refused for it,
// or answered neither way.
func (l *SourceLine) Expected() int { return l.Visible + l.ID + l.Masked + l.Truncated + l.NoneServed }

// Sight judges what the requests show. An id is half of an answer: it finds the credential by the gateway's id of it,
// and not by the token.
func (l *SourceLine) Sight() Sight {
	expected := float64(l.Expected())
	hidden := float64(l.Masked + l.Truncated + l.NoneServed)
	switch {
	case l.Requests == 0:
		return SightSilent
	case l.Visible+l.ID == 0 || hidden >= blindShare*expected:
		return SightBlind // also where every caller was refused: nobody can say what they sent
	case hidden+float64(l.ID) >= partlyShare*expected:
		return SightPartly
	}
	return SightOK
}

// Hidden are the kinds of blindness of a line, the most frequent first, as gateway.Remedies name them.
func (l *SourceLine) Hidden() []string {
	type share struct {
		how string
		n   int
	}
	none := l.NoneServed
	if l.Visible+l.ID+l.Masked+l.Truncated == 0 {
		none = l.None // nothing at all shows: then even the refused count
	}
	all := []share{
		{event.VisibilityMasked, l.Masked}, {event.VisibilityTruncated, l.Truncated}, {event.VisibilityID, l.ID}, {event.VisibilityNone, none},
	}
	slices.SortStableFunc(all, func(a, b share) int { return cmp.Compare(b.n, a.n) })
	var out []string
	for _, s := range all {
		if s.n > 0 && float64(s.n) >= partlyShare*float64(max(1, l.Expected())) {
			out = append(out, s.how)
		}
	}
	return out
}

// sampleRows is how much of the archive is read to name blind sources beside an empty answer: a few columns of it, a
// fraction of a second.
const sampleRows = 50_000

// Sample says of the sources of the newest events of the period how much they show: of as much as a glance can read. Its
// lines have no format. What cannot be read is left out: a search that ran before has named it.
func (s *Store) Sample(ctx context.Context, sel archive.Selection) []SourceLine {
	return s.sample(ctx, sel, sampleRows)
}

func (s *Store) sample(ctx context.Context, sel archive.Selection, rows int) []SourceLine {
	sel = archive.Selection{
		Since: sel.Since, Until: sel.Until, Now: sel.Now, Names: []string{event.NameRequest}, Keys: sourceKeys, Primary: true,
	}
	c := newSourceCensus()
	m := newMatcher(sel)
	for r, err := range s.records() {
		if len(c.seen) >= rows || ctx.Err() != nil {
			break
		}
		if err == nil && m.record(r) {
			c.add(r, journalRank)
		}
	}
	if since, ok := s.newestRows(ctx, sel, int64(rows)); ok {
		sel.Since = since
		hits, _ := s.reader.Search(ctx, sel)
		for h, err := range hits {
			if err != nil {
				break
			}
			c.add(&h.Record, h.Rank)
		}
	}
	return BySource(c.lines())
}

// newestRows narrows the period to the newest blocks of at most limit rows together, or to that of the newest block. A block is
// never read in part: its rows lie in the order of their tokens, those without one first.
func (s *Store) newestRows(ctx context.Context, sel archive.Selection, limit int64) (since time.Time, ok bool) {
	live, _ := s.reader.Live(ctx)
	files := slices.DeleteFunc(live, func(f *archive.File) bool {
		inside := !f.MaxTime.Before(sel.Since) && (sel.Until.IsZero() || f.MinTime.Before(sel.Until))
		return !inside || f.Names[event.NameRequest] == 0
	})
	slices.SortFunc(files, func(a, b *archive.File) int { return b.MaxTime.Compare(a.MaxTime) })
	rows := int64(0)
	for i, f := range files {
		if rows += f.Rows; rows > limit && i > 0 {
			since = f.MaxTime.Add(time.Nanosecond)
			if newest := files[0].MinTime; newest.Before(since) { // its copy in another class ends as late
				since = newest
			}
			return later(sel.Since, since), true
		}
	}
	return sel.Since, len(files) > 0
}

// BySource joins the lines of each source, in their order.
func BySource(lines []SourceLine) []SourceLine {
	var out []SourceLine
	for i := range lines {
		if n := len(out); n == 0 || out[n-1].Source != lines[i].Source {
			out = append(out, SourceLine{SourceKey: SourceKey{Source: lines[i].Source}})
		}
		out[len(out)-1].Add(&lines[i])
	}
	return out
}

// BlindSources names, in one sentence, the sources of which an empty answer says little; it is empty where all see.
func BlindSources(lines []SourceLine) string {
	var named []string
	for i := range lines {
		l := &lines[i]
		sight := l.Sight()
		if sight == SightOK {
			continue
		}
		named = append(named, fmt.Sprintf("%s is %s (%s)", cmp.Or(l.Source, "-"), sight, l.Shares()))
	}
	if len(named) == 0 {
		return ""
	}
	if more := len(named) - maxNamed; more > 0 {
		named = append(named[:maxNamed], fmt.Sprintf("%d more", more))
	}
	return "not every token can be seen: source " + strings.Join(named, ", source ") + "; keytrail doctor says what mends it"
}

// Shares puts into words how much the requests show.
func (l *SourceLine) Shares() string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{
		{l.Visible, "show the token"}, {l.Masked, "mask it"}, {l.Truncated, "cut it"}, {l.ID, "show only the gateway's id"}, {l.None, "show none"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", percent(p.n, l.Requests), p.what))
		}
	}
	return fmt.Sprintf("of %s %s", plural(l.Requests, "request"), strings.Join(parts, ", "))
}

// percent rounds towards what is neither all nor nothing: one request of a thousand must not read as none.
func percent(n, of int) string {
	switch p := float64(n) / float64(of) * 100; {
	case n == 0 || n == of:
		return fmt.Sprintf("%.0f %%", p)
	case p < 1:
		return "under 1 %"
	case p > 99:
		return "over 99 %"
	default:
		return fmt.Sprintf("%.0f %%", p)
	}
}
