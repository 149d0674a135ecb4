package query

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const (
	alice = "kt1_a0000000000000000000000000000001"
	bob   = "kt1_b0000000000000000000000000000002"
)

// request is an event with the attributes that answers show.
func request(n int, token string, change ...event.Attr) *event.Record {
	r := &event.Record{
		Name: event.NameRequest, Time: noon.Add(time.Duration(n) * time.Second).UnixNano(), Observed: noon.UnixNano(),
		Scope: event.Scope{Ring: "r", Epoch: 1, Check: "c"}, Classes: []string{"full", "trail"},
		Resource: event.Attrs{{Key: event.KeyServiceName, Value: event.String("orders")}},
	}
	for _, a := range append([]event.Attr{
		{Key: event.KeyEventID, Value: event.String(fmt.Sprintf("%032x", n))},
		{Key: event.KeyFingerprint, Value: event.String(token)},
		{Key: event.KeyMethod, Value: event.String("GET")},
		{Key: event.KeyPath, Value: event.String(fmt.Sprintf("/v1/orders/%d", n))},
		{Key: event.KeyTemplate, Value: event.String("/v1/orders/{id}")},
		{Key: event.KeyStatus, Value: event.Int(200)},
		{Key: event.KeyClientAddress, Value: event.String("192.0.2.7")},
		{Key: event.KeyUserAgent, Value: event.String("curl/8.9")},
		{Key: event.KeyDuration, Value: event.Double(0.012)},
		{Key: event.KeyOwnerID, Value: event.String("u-1")},
		{Key: event.KeyOwnerName, Value: event.String("Ada")},
		{Key: event.KeySource, Value: event.String("kong")},
		{Key: event.KeyCapture, Value: event.String(event.CaptureLog)},
		{Key: event.KeyRequestKey, Value: event.String(fmt.Sprintf("key-%d", n))},
	}, change...) {
		r.Attrs.Set(a.Key, a.Value)
	}
	return r
}

func str(key, value string) event.Attr { return event.Attr{Key: key, Value: event.String(value)} }

func status(code int64) event.Attr { return event.Attr{Key: event.KeyStatus, Value: event.Int(code)} }

// place is an archive with its journal.
type place struct {
	t       *testing.T
	archive string
	journal string
	j       *journal.Journal
	w       *archive.Writer
}

func newPlace(t *testing.T, now time.Time) *place {
	t.Helper()
	dir := t.TempDir()
	p := &place{t: t, archive: filepath.Join(dir, "archive"), journal: filepath.Join(dir, "journal")}
	b, err := bucket.OpenDir(p.archive)
	require.NoError(t, err)
	p.j, err = journal.Open(journal.Options{Dir: p.journal, SegmentSize: 1 << 20, MaxSize: 8 << 20, Destinations: []journal.Destination{{Name: "archive", Required: true}}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.j.Close()) })
	p.w, err = archive.NewWriter(b, archive.WriterOptions{Writer: p.j.Writer(), Classes: archive.ShippedClasses(), Now: func() time.Time { return now }})
	require.NoError(t, err)
	return p
}

func (p *place) append(records ...*event.Record) {
	p.t.Helper()
	for _, r := range records {
		require.NoError(p.t, p.j.Append(context.Background(), [][]byte{r.Append(nil)}))
	}
}

// deliver moves what the journal holds into blocks; the segment stays in the journal when committed is false, as it
// does when the process dies between the two.
func (p *place) deliver(committed bool, records ...*event.Record) {
	p.t.Helper()
	require.NoError(p.t, p.j.Rotate())
	seg, err := p.j.Next(context.Background(), "archive")
	require.NoError(p.t, err)
	_, err = p.w.WriteSegment(context.Background(), seg.Seq(), sequence(records))
	require.NoError(p.t, err)
	if committed {
		require.NoError(p.t, p.j.Commit("archive", seg.Seq()))
	}
}

func sequence(records []*event.Record) iter.Seq[*event.Record] { return slices.Values(records) }

func (p *place) events(sel archive.Selection, f Filter) []Event {
	p.t.Helper()
	s, err := Open(p.archive, p.journal)
	require.NoError(p.t, err)
	events, rep, err := s.Events(context.Background(), sel, f)
	require.NoError(p.t, err)
	require.Empty(p.t, rep.Unreadable)
	return events
}

func numbers(events []Event) []int64 {
	var out []int64
	for _, e := range events {
		out = append(out, (e.Time-noon.UnixNano())/int64(time.Second))
	}
	return out
}

// An event is found from the moment it is acknowledged, and once: in the journal, while its segment stands in both
// places, and in its blocks.
func TestAnEventIsFoundOnceOnItsWayFromJournalToBlocks(t *testing.T) {
	p := newPlace(t, noon)
	one, two := request(1, alice), request(2, bob)
	sel := archive.Selection{Fingerprints: []string{alice}}

	p.append(one, two)
	require.Equal(t, []int64{1}, numbers(p.events(sel, Filter{})))
	p.deliver(false, one, two)
	require.Equal(t, []int64{1}, numbers(p.events(sel, Filter{})))
	require.NoError(t, p.j.Commit("archive", 1))
	require.Equal(t, []int64{1}, numbers(p.events(sel, Filter{})))
	require.Equal(t, []int64{1, 2}, numbers(p.events(archive.Selection{}, Filter{})), "oldest first, whoever it was")
}

// Two classes keep the event; the richer copy is shown while it lasts, then the skeleton with its owner's name put back.
func TestTheRichestCopyIsShown(t *testing.T) {
	p := newPlace(t, noon)
	r := request(1, alice)
	p.append(r)
	p.deliver(true, r)
	got := p.events(archive.Selection{}, Filter{})
	require.Len(t, got, 1)
	require.Equal(t, "/v1/orders/1", got[0].Attrs.Str(event.KeyPath))

	old := newPlace(t, noon)
	late := request(2, alice)
	late.Time = noon.AddDate(0, 0, -20).UnixNano()
	old.append(late)
	old.deliver(true, late)
	got = old.events(archive.Selection{Owner: []string{"u-1"}}, Filter{})
	require.Len(t, got, 1)
	require.Empty(t, got[0].Attrs.Str(event.KeyPath), "a skeleton has no path")
	require.Equal(t, "u-1", got[0].Attrs.Str(event.KeyOwnerID), "the alias still stands")
}

func TestFilters(t *testing.T) {
	p := newPlace(t, noon)
	p.append(
		request(1, alice),
		request(2, alice, status(403), str(event.KeyMethod, "POST")),
		request(3, alice, status(404), str(event.KeyClientAddress, "198.51.100.4")),
		request(4, alice, status(500), str(event.KeyTemplate, "/v1/admin/keys"), str(event.KeyPath, "/v1/admin/keys")),
	)
	f := func(want []int64, flt Filter) {
		t.Helper()
		require.Equal(t, want, numbers(p.events(archive.Selection{}, flt)))
	}
	st := func(texts ...string) (out []Status) {
		for _, s := range texts {
			parsed, err := ParseStatus(s)
			require.NoError(t, err)
			out = append(out, parsed)
		}
		return out
	}
	f([]int64{1, 2, 3, 4}, Filter{})
	f([]int64{2, 3}, Filter{Status: st("4xx")})
	f([]int64{2, 4}, Filter{Status: st("403", "5xx")}) // the same flag twice is OR
	f([]int64{3}, Filter{Status: st("4xx"), Client: []string{"198.51."}})
	f(nil, Filter{Status: st("4xx"), Client: []string{"198.51"}}) // an address, not a prefix
	f([]int64{2}, Filter{Method: []string{"post"}})
	f([]int64{4}, Filter{Route: []string{"/v1/admin/*"}})
	f([]int64{1, 2, 3}, Filter{Route: []string{"/v1/orders/{id}"}})
	f([]int64{3}, Filter{Route: []string{"/v1/orders/3"}})
	f(nil, Filter{Service: []string{"other"}})

	for _, bad := range []string{"", "4x", "6xx", "0xx", "forbidden", "99"} {
		_, err := ParseStatus(bad)
		require.Error(t, err, bad)
	}
}

func TestSelectorsInTheJournalAreThoseOfTheBlocks(t *testing.T) {
	p := newPlace(t, noon)
	r := request(1, alice, str(event.KeyRequestID, "req-1"), str(event.KeyCredentialID, "cred-1"), str(event.KeyJWTID, "jti-1"), str(event.KeyPrincipal, "kp1_c0000000000000000000000000000003"))
	r.TraceID = [16]byte{0xab, 1}
	r.Attrs.Set(event.KeyOthers, event.Strings([]string{bob + " header.x-api-key api_key"}))
	p.append(r, request(2, "kt1_d0000000000000000000000000000004", str(event.KeyOwnerID, "u-2")))
	for pass, where := range []string{"journal", "blocks"} {
		for name, sel := range map[string]archive.Selection{
			"fingerprint":       {Fingerprints: []string{alice}},
			"prefix":            {Fingerprints: []string{"a0000000"}},
			"prefix with kind":  {Fingerprints: []string{"kt1_a0000000"}},
			"second credential": {Fingerprints: []string{bob}},
			"owner":             {Owner: []string{"u-1"}},
			"principal":         {Principal: []string{"kp1_c0000000000000000000000000000003"}},
			"trace":             {TraceID: []string{"ab010000000000000000000000000000"}},
			"request":           {RequestID: []string{"req-1"}},
			"credential":        {CredentialID: []string{"cred-1"}},
			"jwt":               {JWTID: []string{"jti-1"}},
			"time":              {Since: noon.Add(time.Second), Until: noon.Add(2 * time.Second)},
		} {
			require.Equal(t, []int64{1}, numbers(p.events(sel, Filter{})), "%s from the %s", name, where)
		}
		if pass == 0 {
			p.deliver(true, r, request(2, "kt1_d0000000000000000000000000000004", str(event.KeyOwnerID, "u-2")))
		}
	}
}

func TestTokensCountsEveryCredentialOfARequest(t *testing.T) {
	p := newPlace(t, noon)
	both := request(3, alice)
	both.Attrs.Set(event.KeyOthers, event.Strings([]string{bob + " header.x-api-key api_key"}))
	p.append(request(1, alice), request(2, alice, status(403), str(event.KeyDenyReason, "scope"), str(event.KeyAnsweredBy, "gateway")), both)
	s, err := Open(p.archive, p.journal)
	require.NoError(t, err)
	tokens, _, err := s.Tokens(context.Background(), archive.Selection{}, Filter{})
	require.NoError(t, err)
	require.Len(t, tokens, 2)
	require.Equal(t, TokenLine{
		Fingerprint: alice, Owner: "u-1", OwnerName: "Ada", First: noon.Add(time.Second), Last: noon.Add(3 * time.Second), Requests: 3, Refused: 1,
	}, tokens[0])
	require.Equal(t, bob, tokens[1].Fingerprint)
	require.Empty(t, tokens[1].Owner, "the owner is that of the credential that came first")
}

func TestUnreadableJournalIsSaid(t *testing.T) {
	p := newPlace(t, noon)
	require.NoError(t, p.j.Append(context.Background(), [][]byte{bytes.Repeat([]byte{0xee}, 40)}))
	s, err := Open(p.archive, p.journal)
	require.NoError(t, err)
	events, rep, err := s.Events(context.Background(), archive.Selection{}, Filter{})
	require.NoError(t, err)
	require.Empty(t, events)
	require.Len(t, rep.Unreadable, 1)
	require.Len(t, rep.Warnings(), 1)
}
