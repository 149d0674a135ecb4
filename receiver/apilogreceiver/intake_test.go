package apilogreceiver

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/event/plogevent"
	"github.com/keytrail/keytrail/internal/gateway"
	"github.com/keytrail/keytrail/internal/secret"
)

// brokenParser fails as only a fault of ours can, with the record in its panic.
type brokenParser struct{ gateway.Parser }

func (p brokenParser) Parse(raw []byte, r *event.Record) (time.Time, error) {
	if len(raw)%2 == 0 {
		panic(string(raw))
	}
	return p.Parser.Parse(raw, r)
}

func TestAPanicCostsItsOwnRecord(t *testing.T) {
	r := start(t, testConfig(t))
	h := testIntake(t, r)
	h.parser = brokenParser{h.parser}
	ld := runAll(t, h, []byte(`{"method":"GET","path":"/aa"} `+`{"method":"GET","path":"/a"} `))
	assert.Equal(t, 1, ld.LogRecordCount())
	require.Len(t, h.tally.report.Errors, 1)
	assert.Equal(t, reasonInternal, h.tally.report.Errors[0].Reason)
}

// A record that trips the sealer is not absent, and nothing in it that could hold a credential is present.
func TestARecordThatCannotBeSealedIsBare(t *testing.T) {
	r := start(t, testConfig(t))
	in := testIntake(t, r)
	in.src.sealer = nil
	token := canary(t)
	body := `{"method":"GET","path":"/v1/` + token + `","status":403,"request_id":"` + token + `","service":"` + token + `",` +
		`"headers":{"` + token + `":"x","apikey":"` + token + `"}}`
	ld := runAll(t, in, []byte(body+"\n"+`{"method":"`+token+`","path":"/"}`))
	events := eventsOf(ld)
	require.Len(t, events, 2)
	assert.Equal(t, int64(2), in.tally.failed)
	for _, e := range events {
		assert.Equal(t, event.RedactionFailed, e.Attrs.Str(event.KeyRedaction))
		assert.NotEmpty(t, e.Attrs.Str(event.KeyEventID))
		assert.NotContains(t, string(e.Append(nil)), token)
	}
	assert.Equal(t, int64(403), events[0].Attrs.Int(event.KeyStatus))
	assert.Equal(t, "GET", events[0].Attrs.Str(event.KeyMethod))
	assert.Empty(t, events[1].Attrs.Str(event.KeyMethod))
}

// testIntake is an intake of the receiver's own parts, with a source that a test may break.
func testIntake(t *testing.T, r *rig) *intake {
	t.Helper()
	src, err := newSource(SourceConfig{Name: "test", Path: "/ingest/test", Format: gateway.FormatJSON}, r.recv.keys, nil)
	require.NoError(t, err)
	return &intake{
		src: src, parser: src.parsers[gateway.FormatJSON], ring: r.recv.keys.Ring(), limits: &r.recv.cfg.Limits,
		templates: newTemplates(10, func(string) {}), arrival: time.Now(), seen: make(map[string]int),
		room: newRoom(r.recv.cfg.Limits.EventBytes),
	}
}

// runAll gives all parts of a body together.
func runAll(t testing.TB, in *intake, body []byte) plog.Logs {
	t.Helper()
	all := plog.NewLogs()
	require.NoError(t, in.run(t.Context(), body, func(ld plog.Logs) error {
		ld.ResourceLogs().MoveAndAppendTo(all.ResourceLogs())
		return nil
	}))
	return all
}

// A body of megabytes is handed on in parts, and refused as a whole where one of them is.
func TestALargeBodyGoesOnInParts(t *testing.T) {
	var calls, most int
	refuseAt := 0
	next, err := consumerFunc(func(_ context.Context, ld plog.Logs) error {
		calls++
		most = max(most, ld.LogRecordCount())
		if calls == refuseAt {
			return errors.New("disk full")
		}
		return nil
	})
	require.NoError(t, err)
	r := startWith(t, testConfig(t), next, componenttest.NewNopHost())
	body := bytes.Repeat(kong("a", "dummy-key"), 3000)
	a := r.post("/ingest/kong", body)
	require.Equal(t, 200, a.code)
	assert.Equal(t, 3000, a.report.Accepted)
	assert.Equal(t, (len(body)+partBytes-1)/partBytes, calls)
	assert.Less(t, most, 1000)

	refuseAt = calls + 2
	a = r.post("/ingest/kong", body)
	assert.Equal(t, 503, a.code)
	assert.Equal(t, refuseAt, calls, "nothing after the refusal is tried")
}

// Events beyond the room wait in order; who has more than all of it has it alone, and who goes away is forgotten.
func TestEventsWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(10 * eventsPerText)
		first, err := r.take(t.Context(), 6)
		require.NoError(t, err)
		gone, cancel := context.WithCancel(t.Context())
		var order []string
		var waiting sync.WaitGroup
		wait := func(name string, ctx context.Context, text int) {
			waiting.Go(func() {
				done, err := r.take(ctx, text)
				if err != nil {
					order = append(order, name+" "+err.Error())
					return
				}
				order = append(order, name)
				done()
			})
			synctest.Wait()
		}
		wait("huge", t.Context(), 1_000_000)
		wait("small", t.Context(), 1)
		wait("gone", gone, 5)
		assert.Empty(t, order, "small does not overtake huge")
		cancel()
		synctest.Wait()
		first()
		waiting.Wait()
		assert.Equal(t, []string{"gone too_many_events_in_work", "huge", "small"}, order)
	})
}

// Records of two services, in any order, stand under two resources with the scope that stamped them.
func TestRecordsAreGroupedByService(t *testing.T) {
	r := start(t, testConfig(t))
	var body []byte
	for i := range 20 {
		name := []string{"orders", "billing"}[i/3%2]
		body = append(body, `{"method":"GET","path":"/","service_name":"`+name+`"}`+"\n"...)
	}
	require.Equal(t, 200, r.post("/ingest/json", body).code)
	ld := r.sink.AllLogs()[0]
	require.Equal(t, 2, ld.ResourceLogs().Len())
	want := r.recv.keys.Ring().Scope()
	for e := range plogevent.Logs(ld) {
		assert.Equal(t, want, plogevent.ReadScope(e.Scope))
		assert.Equal(t, event.ScopeName, e.Scope.Name())
	}
	assert.Equal(t, 20, ld.LogRecordCount())
}

func TestSchemesOfTokensAreBounded(t *testing.T) {
	var ta tally
	for _, s := range []string{"", "bearer", "made-up", "made-up-2"} {
		var sealed said
		sealed.read(event.Attrs{{Key: event.KeyTokenScheme, Value: event.String(s)}})
		ta.accept(&event.Record{}, secret.Outcome{}, &sealed)
	}
	assert.Equal(t, counts[string]{{"none", 1}, {"bearer", 1}, {"other", 2}}, ta.schemes)
}
