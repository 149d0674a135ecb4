package apilogreceiver

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/secret"
	"github.com/keytrail/keytrail/receiver/apilogreceiver/internal/metadata"
)

// gauge reads the value of an observed gauge for a source; ok is false where it says nothing.
func (r *rig) gauge(name, source string) (v float64, ok bool) {
	r.t.Helper()
	m, err := r.telemetry.GetMetric("otelcol_receiver_api_log_" + name)
	if err != nil {
		return 0, false
	}
	for _, p := range m.Data.(metricdata.Gauge[float64]).DataPoints {
		if at, _ := p.Attributes.Value("source"); at.AsString() == source {
			return p.Value, true
		}
	}
	return 0, false
}

func blindConfig(t *testing.T) *Config {
	cfg := testConfig(t)
	cfg.Sources = []SourceConfig{
		{Name: "edge", Path: "/ingest/edge", Format: "kong"},
		{Name: "idle", Path: "/ingest/idle", Format: "kong"},
		{Name: "proxy", Path: "/ingest/proxy", Format: "traefik"},
	}
	return cfg
}

func TestEachSourceSaysHowMuchItsRecordsShow(t *testing.T) {
	r := start(t, blindConfig(t))
	body := bytes.Join([][]byte{
		kong("r-1", "dummy-key-visible-0001"), kong("r-2", "dummy-key-visible-0002"), kong("r-3", "REDACTED"), kong("r-4", ""),
	}, []byte("\n"))
	require.Equal(t, 200, r.post("/ingest/edge", body).code)

	visible := func(v string) int64 {
		return r.counter("visible_tokens", "source=edge", "format=kong", "visibility="+v)
	}
	require.EqualValues(t, 2, visible(event.VisibilityVisible))
	require.EqualValues(t, 1, visible(event.VisibilityMasked))
	require.EqualValues(t, 1, visible(event.VisibilityNone))
	require.EqualValues(t, 4, r.counter("accepted_records", "source=edge", "format=kong"))
}

func TestARecordThatComesTwiceIsCountedAndPassedOn(t *testing.T) {
	r := start(t, blindConfig(t))
	body := kong("r-1", "dummy-key-visible-0001")
	r.post("/ingest/edge", body)
	r.post("/ingest/idle", body)
	require.Zero(t, r.counter("duplicate_records"), "of another source it is another record")
	r.post("/ingest/edge", body)
	r.post("/ingest/edge", body)
	require.EqualValues(t, 2, r.counter("duplicate_records", "source=edge"))
	require.Len(t, r.events(), 4)
}

func TestASourceThatIsSilentOrWhoseClockIsWrongShows(t *testing.T) {
	r := start(t, blindConfig(t))
	r.post("/ingest/edge", kongAt("r-1", time.Now().Add(5*time.Minute)))
	r.post("/ingest/proxy", traefikLine(1, time.Now().Add(-30*time.Second)))

	skew, ok := r.gauge("clock_skew", "edge")
	require.True(t, ok)
	require.InDelta(t, -300, skew, 30)
	skew, _ = r.gauge("clock_skew", "proxy")
	require.InDelta(t, 30, skew, 10)
	_, ok = r.gauge("clock_skew", "idle")
	require.False(t, ok)

	age, ok := r.gauge("last_record_age", "idle")
	require.True(t, ok, "a declared source is expected from the start on")
	require.GreaterOrEqual(t, age, 0.0)
	_, ok = r.gauge("last_record_age", event.SourceOther)
	require.False(t, ok, "nobody promised that others send")

	r.post("/ingest/edge", kongAt("r-2", time.Now().Add(40*time.Minute)))
	skew, _ = r.gauge("clock_skew", "edge")
	require.InDelta(t, -2400, skew, 60, "a claim out of bounds shows the clock best")
}

func TestAGapInTheGatewaysOwnCountShows(t *testing.T) {
	r := start(t, blindConfig(t))
	var b bytes.Buffer
	for n := range 10 {
		b.Write(traefikLine(1000+n, time.Now()))
		b.WriteByte('\n')
	}
	r.post("/ingest/proxy", b.Bytes())
	r.post("/ingest/edge", kong("r-1", ""))
	require.EqualValues(t, 10, r.counter("sequence_numbers", "source=proxy", "verdict=followed"))
	require.Zero(t, r.counter("sequence_numbers", "source=proxy", "verdict=missing"))
	require.Zero(t, r.counter("sequence_numbers", "source=edge"))
}

func TestAnIdIsForgottenOnlyForAnother(t *testing.T) {
	start := time.Now()
	s := newSeenIDs(start)
	mark := func(id uint64, after time.Duration) bool {
		list := []recordSeen{{id: id}}
		s.mark(list, start.Add(after).UnixNano())
		return list[0].repeated
	}
	require.False(t, mark(7, 0))
	require.True(t, mark(7, duplicateSpan-time.Second))
	require.True(t, mark(7, 2*duplicateSpan-2*time.Second), "it was seen in between")
	require.False(t, mark(7, 4*duplicateSpan))

	full := make([]recordSeen, seenWays+1) // all of one bucket
	for i := range full {
		full[i].id = 3 + uint64(i+1)*seenBuckets
	}
	require.EqualValues(t, 1, s.mark(full, start.UnixNano()))
	require.True(t, mark(full[seenWays].id, 0))
	require.False(t, mark(full[0].id, 0), "the oldest made place")
}

func TestTheLeastOfTheLastMinutesCounts(t *testing.T) {
	var l lowest
	at := func(d time.Duration) int64 { return int64(time.Hour + d) }
	l.add(9*time.Second, at(0))
	l.add(3*time.Second, at(time.Second))
	v, ok := l.value(at(skewSpan))
	require.True(t, ok)
	require.Equal(t, 3*time.Second, v)
	l.add(8*time.Second, at(skewSpan+time.Second))
	v, _ = l.value(at(2*skewSpan + time.Second))
	require.Equal(t, 8*time.Second, v)
	_, ok = l.value(at(9 * skewSpan))
	require.False(t, ok, "a clock that was not seen for long is not known")
}

func kongAt(id string, began time.Time) []byte {
	return fmt.Appendf(nil, `{"request":{"id":%q,"method":"GET","uri":"/v1/orders/17"},"response":{"status":200},`+
		`"latencies":{"request":12},"started_at":%d}`, id, began.UnixMilli())
}

func traefikLine(n int, began time.Time) []byte {
	return fmt.Appendf(nil, `{"RequestMethod":"GET","RequestPath":"/v1/orders/%d","DownstreamStatus":200,"RouterName":"orders@file",`+
		`"RequestCount":%d,"StartUTC":%q}`, n, n, began.UTC().Format(time.RFC3339Nano))
}

// BenchmarkDelivered is what a delivered body of a thousand numbered records costs beyond its parsing: every counter of
// it, the doubles and the gaps.
func BenchmarkDelivered(b *testing.B) {
	in, now := benchIntake(b), time.Now()
	tb, err := metadata.NewTelemetryBuilder(componenttest.NewNopTelemetrySettings())
	require.NoError(b, err)
	m := newMeters(tb)
	record := event.Record{Time: now.UnixNano() - 1e9, Observed: now.UnixNano()}
	ids := make([]string, benchRecords)
	for i := range ids {
		ids[i] = fmt.Sprintf("%016x%016x", uint64(i+1)*0x9e3779b97f4a7c15, i)
	}
	b.ReportAllocs()
	for b.Loop() {
		in.tally.reset()
		for i, id := range ids {
			record.Sequence = uint64(i + 1)
			in.tally.accept(&record, secret.Outcome{Visibility: event.VisibilityVisible}, &said{format: "kong", eventID: id})
		}
		m.body(b.Context(), in.src, &in.tally)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRecords, "ns/record")
}
