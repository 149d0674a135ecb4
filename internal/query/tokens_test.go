package query

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

func (p *place) tokens(sel archive.Selection, f Filter) ([]TokenLine, *Report) {
	p.t.Helper()
	s, err := Open(p.archive, p.journal)
	require.NoError(p.t, err)
	lines, rep, err := s.Tokens(context.Background(), sel, f)
	require.NoError(p.t, err)
	return lines, rep
}

const aliceNext = "kt2_a0000000000000000000000000000009"

// The same events give the same list while they are in the journal, in both places, and in blocks of two classes.
func TestTokensAreCountedOnceWhereverTheirEventsStand(t *testing.T) {
	p := newPlace(t, noon)
	records := []*event.Record{
		request(1, alice, str(event.KeyTokenName, "old"), str(event.KeyTokenState, "active")),
		request(2, alice, status(403), str(event.KeyDenyReason, "scope"), str(event.KeyTokenName, "new")),
		request(3, aliceNext, str(event.KeyFingerprintPrev, alice), str(event.KeyTokenState, "revoked")),
		request(4, bob, str(event.KeyOwnerID, "u-2"), str(event.KeyOwnerName, "Ben")),
		request(5, ""),
		alert(6, "x", "start"),
	}
	want := []TokenLine{
		{Fingerprint: bob, Owner: "u-2", OwnerName: "Ben", First: noon.Add(4 * time.Second), Last: noon.Add(4 * time.Second), Requests: 1},
		{
			Fingerprint: aliceNext, Owner: "u-1", OwnerName: "Ada", TokenName: "new", State: "revoked", First: noon.Add(time.Second),
			Last: noon.Add(3 * time.Second), Requests: 3, Refused: 1,
		},
	}
	check := func() {
		t.Helper()
		got, _ := p.tokens(archive.Selection{}, Filter{})
		require.Equal(t, want, got)
		got, _ = p.tokens(archive.Selection{Fingerprints: []string{bob}}, Filter{})
		require.Equal(t, want[:1], got)
		got, _ = p.tokens(archive.Selection{}, Filter{Service: []string{"orders"}, Status: []Status{{403, 403}}})
		require.Len(t, got, 1)
		require.Equal(t, 1, got[0].Requests)
	}
	p.append(records...)
	check()
	p.deliver(false, records...)
	check()
	require.NoError(t, p.j.Commit("archive", 1))
	check()
}

// What only a skeleton is left of is counted, unless a filter asks for what it does not keep: then that is said.
func TestTokensOfSkeletons(t *testing.T) {
	p := newPlace(t, noon)
	r := request(1, alice)
	r.Classes = []string{"trail"}
	p.append(r)
	p.deliver(true, r)
	lines, rep := p.tokens(archive.Selection{}, Filter{})
	require.Len(t, lines, 1)
	require.Equal(t, "u-1", lines[0].Owner, "by its alias")
	require.Zero(t, rep.Undecided)
	lines, rep = p.tokens(archive.Selection{}, Filter{Route: []string{"/v1/orders/1"}})
	require.Empty(t, lines)
	require.Equal(t, 1, rep.Undecided)
	require.Len(t, rep.Warnings(), 1)
}

func TestEventsWithoutAnIDAreEachTheirOwn(t *testing.T) {
	p := newPlace(t, noon)
	for i := range 3 {
		r := request(i, alice)
		r.Attrs.Delete(func(k string, _ event.Value) bool { return k == event.KeyEventID })
		p.append(r)
	}
	p.append(request(9, alice, str(event.KeyEventID, "of another form")), request(9, alice, str(event.KeyEventID, "of another form")))
	lines, _ := p.tokens(archive.Selection{}, Filter{})
	require.Equal(t, 4, lines[0].Requests)
	require.Equal(t, []int64{0, 1, 2, 9}, numbers(p.events(archive.Selection{}, Filter{})))
}

func TestJoinsEndEvenInARing(t *testing.T) {
	j := joins{"a": "b", "b": "a", "x": "y", "y": "z"}
	require.Equal(t, "z", j.newest("x"))
	require.Contains(t, []string{"a", "b"}, j.newest("a"))
	require.Equal(t, []string{"kt10_1", "kt2_1", "kt1_1"}, sortedByEpoch("kt2_1", "kt1_1", "kt10_1"))
}

func sortedByEpoch(fps ...string) []string {
	b := cardBuilder{cards: map[string]*building{}, joins: joins{fps[0]: fps[2], fps[1]: fps[0]}}
	for _, fp := range fps {
		b.card(fp)
	}
	return b.finish()[0].Fingerprints
}

// BenchmarkTokens lists the tokens of 300,000 requests that stand in blocks of two classes.
func BenchmarkTokens(b *testing.B) {
	const events, tokens = 300_000, 5_000
	dir := b.TempDir()
	bucket, err := bucket.OpenDir(dir)
	require.NoError(b, err)
	w, err := archive.NewWriter(bucket, archive.WriterOptions{Writer: "BENCH", Classes: archive.ShippedClasses()})
	require.NoError(b, err)
	start := time.Now().Add(-24 * time.Hour)
	_, err = w.WriteSegment(context.Background(), 1, func(yield func(*event.Record) bool) {
		for i := range events {
			r := request(i, fmt.Sprintf("kt1_%032x", i%tokens))
			r.Time = start.Add(time.Duration(i) * time.Millisecond).UnixNano()
			if !yield(r) {
				return
			}
		}
	})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		s, err := Open(dir, "")
		require.NoError(b, err)
		lines, _, err := s.Tokens(context.Background(), archive.Selection{}, Filter{})
		require.NoError(b, err)
		require.Len(b, lines, tokens)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
}
