package query

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

func asEvents(records ...*event.Record) []Event {
	var out []Event
	for _, r := range records {
		out = append(out, Event{Record: *r, Fingerprint: r.Attrs.Str(event.KeyFingerprint)})
	}
	return out
}

func rendered(t *testing.T, o Output, events []Event) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, PrintEvents(&b, o, events))
	return b.String()
}

func TestEventsTable(t *testing.T) {
	got := rendered(t, Table, asEvents(
		request(1, alice),
		request(2, alice, status(403), str(event.KeyDenyReason, "scope"), str(event.KeyAnsweredBy, "gateway")),
	))
	require.Equal(t, strings.TrimPrefix(`
TIME                      METHOD  ROUTE         STATUS  REFUSED BY     CLIENT     AGENT     TOOK  OWNER  VIEWS
2026-11-23 12:00:01.000Z  GET     /v1/orders/1     200                 192.0.2.7  curl/8.9  12ms  Ada        1
2026-11-23 12:00:02.000Z  GET     /v1/orders/2     403  gateway scope  192.0.2.7  curl/8.9  12ms  Ada        1
`, "\n"), got)
}

// Both ids of a request key are the caller's to forge: a second event of the same view is a request of its own.
func TestViewsOfOneRequestAreOneLineButAForgedKeyHidesNone(t *testing.T) {
	span := request(1, alice, str(event.KeyCapture, event.CaptureSpan), str(event.KeyRequestKey, "k"))
	log1, log2, log3 := request(1, alice, str(event.KeyRequestKey, "k")), request(2, alice, str(event.KeyRequestKey, "k")), request(3, alice, str(event.KeyRequestKey, "k"))
	groups := Requests(asEvents(log1, span, log2, log3))
	require.Len(t, groups, 3)
	require.Len(t, groups[0].Events, 2, "log and span of one request")

	require.Equal(t, 4, strings.Count(rendered(t, JSON, asEvents(log1, span, log2, log3)), "\n"), "json never groups")
}

func TestEventsJSONKeepsTypesAndOrder(t *testing.T) {
	r := &event.Record{
		Name: event.NameRequest, Time: noon.UnixNano() + 5, TraceID: [16]byte{1},
		Resource: event.Attrs{{Key: event.KeyServiceName, Value: event.String("orders")}},
		Attrs: event.Attrs{
			{Key: "b", Value: event.Strings([]string{"x", "y"})}, {Key: "a", Value: event.Int(1)}, {Key: "c", Value: event.Double(2)},
			{Key: "d", Value: event.JSON(`{"k":[1]}`)}, {Key: "e", Value: event.Bool(true)},
		},
	}
	require.Equal(t, `{"time":"2026-11-23T12:00:00.000000005Z","event.name":"keytrail.api.request","trace_id":"01000000000000000000000000000000",`+
		`"service.name":"orders","a":1,"b":["x","y"],"c":2.0,"d":{"k":[1]},"e":true}`+"\n", rendered(t, JSON, asEvents(r)))
}

func TestNothingOfAnAttackerReachesTerminalOrSpreadsheet(t *testing.T) {
	evil := "=cmd|' /C calc'!A0\x1b[2J\u202e"
	r := request(1, alice, str(event.KeyUserAgent, evil), str(event.KeyPath, "\x1b]0;owned\x07/x"))
	for _, o := range []Output{Table, JSON, CSV} {
		got := rendered(t, o, asEvents(r))
		require.NotContains(t, got, "\x1b", o)
		require.NotContains(t, got, "\x07", o)
	}
	require.Contains(t, rendered(t, CSV, asEvents(r)), "'=cmd|")
	require.Equal(t, `a\x1b[2J\u{202e}\xffb`, Visible("a\x1b[2J\u202e\xffb"))
	require.Equal(t, "ordinary – text", Visible("ordinary – text"))
	for in, want := range map[string]string{"=1": "'=1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "x=1": "x=1", "": ""} {
		require.Equal(t, want, cell(in))
	}
}

func alert(n int, id, state string, change ...event.Attr) *event.Record {
	r := request(n, alice, append([]event.Attr{
		str(event.KeyAlertID, id), str(event.KeyAlertState, state), str(event.KeyAlertDetector, "new_endpoint"), str(event.KeyAlertSeverity, "high"),
		str(event.KeyAlertExplanation, "route /v1/admin/keys was never used before"), str(event.KeyAlertNext, "keytrail trail --fingerprint "+alice),
		{Key: event.KeyAlertCount, Value: event.Int(int64(n))},
	}, change...)...)
	r.Name = event.NameAnomaly
	return r
}

func TestAlertsAreMergedById(t *testing.T) {
	alerts := NewAlerts(asEvents(alert(1, "x", "start"), alert(5, "y", "start"), alert(9, "x", "end"), alert(4, "x", "update")))
	require.Len(t, alerts, 2)
	require.Equal(t, "x", alerts[0].ID)
	require.False(t, alerts[0].Active())
	require.EqualValues(t, 9, alerts[0].Count)
	require.Equal(t, noon.Add(time.Second), alerts[0].Start)
	require.Equal(t, noon.Add(9*time.Second), alerts[0].End)
	require.True(t, alerts[1].Active())

	var b bytes.Buffer
	require.NoError(t, PrintAlerts(&b, Table, alerts[1:]))
	require.Equal(t, "2026-11-23T12:00:05Z  high    active  new_endpoint  token of u-1\n"+
		"  route /v1/admin/keys was never used before\n  next: keytrail trail --fingerprint "+alice+"\n", b.String())
}

func TestCard(t *testing.T) {
	next := request(3, "kt2_a0000000000000000000000000000009", str(event.KeyFingerprintPrev, alice), str(event.KeyTokenState, "revoked"))
	cards := NewCards(asEvents(
		request(1, alice), request(2, alice, status(403), str(event.KeyDenyReason, "scope"), str(event.KeyAnsweredBy, "gateway"), str(event.KeyClientAddress, "203.0.113.77")),
		next, alert(4, "x", "start"),
	))
	require.Len(t, cards, 1, "two epochs of one token are one card")
	c := cards[0]
	require.Equal(t, []string{"kt2_a0000000000000000000000000000009", alice}, c.Fingerprints)
	require.Equal(t, 3, c.Requests)
	require.Equal(t, "revoked", c.Token.State)
	require.Len(t, c.Alerts, 1)
	require.Equal(t, []Count{{"gateway scope", 1, noon.Add(2 * time.Second)}}, c.Refusals)

	var b bytes.Buffer
	require.NoError(t, PrintCards(&b, Table, cards))
	for _, want := range []string{
		"token        kt2_a0000000000000000000000000000009 " + alice, "owner        Ada (u-1)", "seen         3 requests",
		"networks          2  192.0.2.0/24  last 2026-11-23T12:00:03Z", "routes            3  GET /v1/orders/{id}",
	} {
		require.Contains(t, b.String(), want)
	}
}

func TestATallyIsBounded(t *testing.T) {
	got := tally{}
	for i := range 3 * maxValues {
		got.add(strings.Repeat("x", i%97)+string(rune('a'+i%26))+time.Duration(i).String(), noon)
	}
	require.LessOrEqual(t, len(got), maxValues+1)
	require.Equal(t, otherValues, got.top(1)[0].Value)
}
