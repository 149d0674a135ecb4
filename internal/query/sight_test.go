package query

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/event"
)

func (p *place) sources(sel archive.Selection) []SourceLine {
	p.t.Helper()
	s, err := Open(p.archive, p.journal)
	require.NoError(p.t, err)
	lines, _, err := s.Sources(context.Background(), sel)
	require.NoError(p.t, err)
	return lines
}

func hidden(n int, source, format, how string, change ...event.Attr) *event.Record {
	return request(n, "", append([]event.Attr{
		str(event.KeySource, source), str(event.KeyFormat, format), str(event.KeyTokenVisibility, how),
	}, change...)...)
}

// The same events say the same while they are in the journal, in both places, and in blocks of two classes.
func TestSourcesCountEachRequestOnceWhereverItStands(t *testing.T) {
	p := newPlace(t, noon)
	records := []*event.Record{
		request(1, alice, str(event.KeyFormat, "kong")),
		hidden(2, "kong", "kong", event.VisibilityMasked),
		hidden(3, "kong", "kong", event.VisibilityTruncated),
		request(4, bob, str(event.KeyFormat, "kong"), str(event.KeyTokenVisibility, event.VisibilityID), str(event.KeyTimeClaimed, "2031-01-01T00:00:00Z")),
		request(5, "", str(event.KeyFormat, "kong"), status(401)),
		request(6, "", str(event.KeyFormat, "kong"), str(event.KeyRedaction, event.RedactionFailed)),
		request(7, "", str(event.KeyFormat, "kong"), status(404)),
		request(8, "", str(event.KeyFormat, "kong"), event.Attr{Key: event.KeyTokenTruncated, Value: event.Bool(true)}),
		request(9, alice, str(event.KeySource, "edge"), str(event.KeyFormat, "nginx")),
		alert(10, "x", "start"),
	}
	want := []SourceLine{
		{
			SourceKey: SourceKey{"edge", "nginx"}, Requests: 1, Visible: 1,
			First: noon.Add(9 * time.Second), Last: noon.Add(9 * time.Second),
		},
		{
			SourceKey: SourceKey{"kong", "kong"}, Requests: 8, Visible: 1, Masked: 2, Truncated: 1, ID: 1, None: 3, NoneServed: 1, NoneRefused: 1,
			RedactionFailed: 1, TimeClaimed: 1, First: noon.Add(time.Second), Last: noon.Add(8 * time.Second),
		},
	}
	check := func() {
		t.Helper()
		require.Equal(t, want, p.sources(archive.Selection{}))
		require.Len(t, p.sources(archive.Selection{Since: noon.Add(9 * time.Second)}), 1)
	}
	p.append(records...)
	check()
	p.deliver(false, records...)
	check()
	require.NoError(t, p.j.Commit("archive", 1))
	check()
}

func TestSight(t *testing.T) {
	f := func(l SourceLine, want Sight, hidden ...string) {
		t.Helper()
		l.Requests = l.Visible + l.Masked + l.Truncated + l.ID + l.None
		require.Equal(t, want, l.Sight(), "%+v", l)
		require.Equal(t, hidden, l.Hidden(), "%+v", l)
	}
	f(SourceLine{}, SightSilent)
	f(SourceLine{Visible: 100}, SightOK)
	f(SourceLine{Visible: 100, None: 900, NoneRefused: 900}, SightOK) // an attack is no blindness
	f(SourceLine{Visible: 100, None: 900}, SightOK)                   // nor is a scan that is answered 404
	f(SourceLine{Visible: 100, None: 4, NoneServed: 4}, SightOK)      // nor a health check
	f(SourceLine{Visible: 100, None: 900, NoneServed: 900}, SightBlind, event.VisibilityNone)
	f(SourceLine{Visible: 50, None: 50, NoneServed: 50}, SightPartly, event.VisibilityNone)
	f(SourceLine{None: 3, NoneRefused: 3}, SightBlind, event.VisibilityNone)
	f(SourceLine{Masked: 10}, SightBlind, event.VisibilityMasked)
	f(SourceLine{Visible: 1, Masked: 40, Truncated: 60}, SightBlind, event.VisibilityTruncated, event.VisibilityMasked)
	f(SourceLine{ID: 10}, SightPartly, event.VisibilityID)
	f(SourceLine{Visible: 1000, ID: 10}, SightOK)
}

func TestAnEmptyAnswerNamesTheBlind(t *testing.T) {
	require.Empty(t, BlindSources([]SourceLine{{SourceKey: SourceKey{Source: "a"}, Requests: 2, Visible: 2}}))
	require.Equal(t,
		"not every token can be seen: source edge is blind (of 1000 requests under 1 % show the token, over 99 % mask it), "+
			"source - is partly blind (of 2 requests 50 % show the token, 50 % show only the gateway's id); keytrail doctor says what mends it",
		BlindSources([]SourceLine{
			{SourceKey: SourceKey{Source: "edge"}, Requests: 1000, Visible: 1, Masked: 999}, {Requests: 2, Visible: 1, ID: 1},
			{SourceKey: SourceKey{Source: "fine"}, Requests: 1, Visible: 1},
		}))
}

// The sample reads the newest blocks and no more of the archive than it says.
func TestASampleIsOfTheNewest(t *testing.T) {
	p := newPlace(t, noon)
	for n := range 5 {
		source := "old"
		if n >= 3 {
			source = "new"
		}
		records := []*event.Record{
			hidden(100*n, source, "kong", event.VisibilityMasked), request(100*n+1, alice, str(event.KeySource, source)),
		}
		p.append(records...)
		p.deliver(true, records...)
	}
	s, err := Open(p.archive, p.journal)
	require.NoError(t, err)
	sample := func(rows int, sel archive.Selection) map[string]int {
		out := map[string]int{}
		for _, l := range s.sample(context.Background(), sel, rows) {
			require.Equal(t, l.Requests, l.Visible+l.Masked)
			out[l.Source] = l.Requests
		}
		return out
	}
	require.Equal(t, map[string]int{"old": 6, "new": 4}, sample(100, archive.Selection{}))
	require.Equal(t, map[string]int{"new": 4}, sample(8, archive.Selection{}), "two classes keep each event")
	require.Equal(t, map[string]int{"new": 2}, sample(1, archive.Selection{}))
	require.Equal(t, map[string]int{"old": 2}, sample(100, archive.Selection{Until: noon.Add(50 * time.Second)}))
	require.Empty(t, sample(100, archive.Selection{Since: noon.Add(time.Hour)}))
}
