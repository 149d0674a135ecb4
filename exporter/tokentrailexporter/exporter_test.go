package tokentrailexporter

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/journal"
)

func TestAnEventIsInTheJournalAtOnceAndInBlocksAfterShutdown(t *testing.T) {
	cfg := testConfig(t)
	r := start(t, cfg)
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("a"), request("b", with(event.KeyStatus, event.Int(403))))))
	got := stored(t, cfg)
	require.Len(t, got, 2)
	require.Equal(t, []string{"full", "trail", "security"}, got["b"].Classes)
	require.Equal(t, event.Scope{Ring: "ring-test", Epoch: 1, Check: "kcv-one"}, got["a"].Scope)
	require.EqualValues(t, 2, r.sum("journal_appended_records", ""))
	require.EqualValues(t, 2, r.sum("pending_records", "archive"))

	r.stop()
	require.Empty(t, stored(t, cfg))
	require.Equal(t, map[string]int{"a": 1, "b": 1}, archived(t, cfg, "full"))
	require.Equal(t, map[string]int{"a": 1, "b": 1}, archived(t, cfg, "trail"))
	require.Equal(t, map[string]int{"b": 1}, archived(t, cfg, "security"))
}

func TestBothSignalsShareOneJournal(t *testing.T) {
	cfg := testConfig(t)
	r := start(t, cfg)
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	span := spans.AppendEmpty()
	span.SetKind(ptrace.SpanKindServer)
	span.SetStartTimestamp(1_790_000_000_000_000_000)
	span.Attributes().PutStr(event.KeyFingerprint, "kt1_00000000000000000000000000000001")
	span.Attributes().PutStr(event.KeyRedaction, event.RedactionDone)
	span.Attributes().PutStr(event.KeyEventID, "from a span")
	span.Attributes().PutInt(event.KeyStatus, 401)
	spans.AppendEmpty().SetKind(ptrace.SpanKindClient) // none of our business
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), td))
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("from a log"))))

	got := stored(t, cfg)
	require.Len(t, got, 2)
	require.Equal(t, []string{"full", "trail", "security"}, got["from a span"].Classes)
	require.Equal(t, event.CaptureSpan, func() string { a := got["from a span"].Attrs; return a.Str(event.KeyCapture) }())

	require.NoError(t, r.logs.Shutdown(t.Context()))
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), td), "the other signal still uses it")
}

func TestWithoutAnythingToStoreItIsSilent(t *testing.T) {
	r := start(t, testConfig(t))
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), plog.NewLogs()))
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), ptrace.NewTraces()))
}

// What nothing says was redacted is not stored, whatever it is; its neighbours are, and the sender is told.
func TestUnredactedRecordsAreRefused(t *testing.T) {
	canary := "kt-test-" + strings.Repeat("canary", 4)
	cfg := testConfig(t)
	r := start(t, cfg)
	raw := request("raw", with("http.request.header.authorization", event.String("Bearer "+canary)))
	raw.Attrs.Delete(func(k string, _ event.Value) bool { return k == event.KeyRedaction })
	forged := request("forged", with(event.KeyRedaction, event.String(canary)))

	err := r.logs.ConsumeLogs(t.Context(), asLogs(raw, request("good"), forged))
	require.ErrorContains(t, err, "2 records without `keytrail.redaction` refused")
	require.True(t, consumererror.IsPermanent(err))
	require.EqualValues(t, 2, r.sum("rejected_records", "unredacted"))
	require.Equal(t, componentstatus.StatusRecoverableError, r.host.status())
	require.Len(t, stored(t, cfg), 1)

	r.stop()
	require.Equal(t, map[string]int{"good": 1}, archived(t, cfg, "full"))
	require.NotContains(t, err.Error(), canary)
	require.NotContains(t, fmt.Sprint(r.logged.All()), canary)
	requireNowhere(t, filepath.Dir(cfg.Journal.Directory), canary)
}

func requireNowhere(t *testing.T, dir, canary string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		require.NotContains(t, string(b), canary, path)
		return err
	}))
}

// A record whose redaction failed is a skeleton by then: it is kept.
func TestAFailedRedactionIsKept(t *testing.T) {
	cfg := testConfig(t)
	r := start(t, cfg)
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("cut", with(event.KeyRedaction, event.String(event.RedactionFailed))))))
	require.Contains(t, stored(t, cfg), "cut")
}

func TestAnEventNoClassWantsIsCounted(t *testing.T) {
	cfg := testConfig(t)
	cfg.Classes = cfg.Classes[2:]
	r := start(t, cfg)
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("fine"), request("denied", with(event.KeyStatus, event.Int(403))))))
	require.EqualValues(t, 1, r.sum("rejected_records", "unclassified"))
	require.Len(t, stored(t, cfg), 1)
}

// A request is never absent because its content was hostile.
func TestAHugeEventIsTrimmed(t *testing.T) {
	cfg := testConfig(t)
	cfg.Journal.MaxSize = 8 << 20
	r := start(t, cfg)
	huge := request("huge", with("kong.blob", event.String(strings.Repeat("x", 2*maxEventBytes))))
	for i := range 3000 {
		huge.Attrs.Add(fmt.Sprintf("kong.field.%d", i), event.String(strings.Repeat("y", 500)))
	}
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(huge)))
	got := stored(t, cfg)["huge"]
	require.EqualValues(t, 200, got.Attrs.Int(event.KeyStatus))
	require.True(t, func() bool { v, _ := got.Attrs.Get(event.KeySanitized); return v.Bool() }())
	require.Less(t, len(got.Append(nil)), maxEventBytes)
	require.EqualValues(t, 1, r.sum("trimmed_records", ""))
}

// An archive that cannot be written is waited for: the journal takes what comes, then refuses, then goes on.
func TestAnUnwritableArchive(t *testing.T) {
	cfg := testConfig(t)
	cfg.Journal.MaxSize = 2 * cfg.Journal.SegmentSize
	require.NoError(t, os.WriteFile(cfg.Destinations.Archive.Directory, []byte("a file stands in the way"), 0o600))
	r := start(t, cfg)
	eventually(t, func() bool { return r.host.status() == componentstatus.StatusRecoverableError }, "said at start")

	pad := with("kong.pad", event.String(strings.Repeat("x", 8000)))
	acked := 0
	var err error
	for err == nil {
		if err = r.logs.ConsumeLogs(t.Context(), asLogs(request(fmt.Sprint(acked), pad))); err == nil {
			acked++
		}
	}
	require.ErrorIs(t, err, journal.ErrFull)
	require.False(t, consumererror.IsPermanent(err), "the sender keeps it and comes again")
	require.EqualValues(t, 1, r.sum("rejected_records", "full"))
	eventually(t, func() bool { return r.sum("delivery_failures", "archive") > 0 }, "tried")

	require.NoError(t, os.Remove(cfg.Destinations.Archive.Directory))
	eventually(t, func() bool {
		return r.logs.ConsumeLogs(t.Context(), asLogs(request("later"))) == nil
	}, "there is room again")
	r.stop()
	got := archived(t, cfg, "full")
	require.Len(t, got, acked+1)
	for id, n := range got {
		require.Equal(t, 1, n, id)
	}
}

func TestWhatShutdownCannotWriteIsWrittenByTheNextStart(t *testing.T) {
	cfg := testConfig(t)
	require.NoError(t, os.WriteFile(cfg.Destinations.Archive.Directory, nil, 0o600))
	r := start(t, cfg)
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("a"))))
	r.stop()
	require.Contains(t, stored(t, cfg), "a")

	require.NoError(t, os.Remove(cfg.Destinations.Archive.Directory))
	again := *cfg
	r = start(t, &again)
	eventually(t, func() bool { return r.sum("delivered_records", "archive") == 1 }, "delivered after the restart")
	require.EqualValues(t, 1, r.sum("blocks", "full"))
	require.Positive(t, r.sum("block_bytes", "full"))
	require.Zero(t, r.sum("blocks", "security"))
	r.stop()
	require.Equal(t, map[string]int{"a": 1}, archived(t, cfg, "full"))
}

// Shutdown gives up on the archive when its context ends, and loses nothing.
func TestShutdownHonoursItsContext(t *testing.T) {
	cfg := testConfig(t)
	r := start(t, cfg)
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("a"))))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, r.logs.Shutdown(ctx))
	require.NoError(t, r.traces.Shutdown(ctx))
	require.NoError(t, r.tel.Shutdown(t.Context()))
	r.down = true
	require.Equal(t, 1, len(stored(t, cfg))+len(archived(t, cfg, "full")))
}

// A key ring that was lost and made anew under the same name must not write beside the fingerprints of the old one.
func TestAnotherKeyForTheSameEpochIsRefused(t *testing.T) {
	cfg := testConfig(t)
	r := start(t, cfg)
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("a"))))
	r.stop()

	again := *cfg
	r = start(t, &again)
	other := request("b")
	other.Scope.Check = "kcv-two"
	err := r.logs.ConsumeLogs(t.Context(), asLogs(other))
	require.ErrorContains(t, err, `key epoch 1 of ring "ring-test" has check value kcv-one in the archive, found kcv-two`)
	require.False(t, consumererror.IsPermanent(err))
	require.Equal(t, componentstatus.StatusPermanentError, r.host.status())
	require.EqualValues(t, 1, r.sum("rejected_records", "epoch"))
	require.Error(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("c"))), "until somebody has looked at it")
	require.Empty(t, stored(t, cfg))
}

func TestUnwritableJournalFailsTheStart(t *testing.T) {
	cfg := testConfig(t)
	require.NoError(t, os.WriteFile(cfg.Journal.Directory, nil, 0o600))
	_, err := acquire(cfg, nopSettings(), newHost())
	require.ErrorContains(t, err, "journal: directory")
}

// A damaged segment costs what stands behind the damage, and says so; the rest of the journal goes on.
func TestADamagedSegmentIsQuarantined(t *testing.T) {
	cfg := testConfig(t)
	require.NoError(t, os.WriteFile(cfg.Destinations.Archive.Directory, nil, 0o600))
	r := start(t, cfg)
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("kept"), request("lost"))))
	r.stop()
	segments, err := filepath.Glob(filepath.Join(cfg.Journal.Directory, "*.seg"))
	require.NoError(t, err)
	require.Len(t, segments, 1)
	b, err := os.ReadFile(segments[0])
	require.NoError(t, err)
	b[len(b)-1] ^= 1
	require.NoError(t, os.WriteFile(segments[0], b, 0o600))
	require.NoError(t, os.Remove(cfg.Destinations.Archive.Directory))

	again := *cfg
	r = start(t, &again)
	eventually(t, func() bool { return r.sum("delivered_records", "archive") == 1 }, "the rest is delivered")
	require.EqualValues(t, 1, r.sum("journal_quarantined", ""))
	r.stop()
	require.Equal(t, map[string]int{"kept": 1}, archived(t, cfg, "full"))
	require.Equal(t, 1, r.logged.FilterMessageSnippet("segment is damaged").Len())
}

// A record of a version that this one does not know is kept aside, not delivered and not in the way.
func TestAnUndecodableRecordIsQuarantined(t *testing.T) {
	cfg := testConfig(t)
	j, err := journal.Open(journal.Options{
		Dir: cfg.Journal.Directory, MaxSize: cfg.Journal.MaxSize, SegmentSize: cfg.Journal.SegmentSize,
		Destinations: []journal.Destination{{Name: destinationArchive, Required: true}},
	})
	require.NoError(t, err)
	good := request("good")
	good.Classes = []string{"full"}
	require.NoError(t, j.Append(t.Context(), [][]byte{{99}, good.Append(nil)}))
	require.NoError(t, j.Close())

	r := start(t, cfg)
	eventually(t, func() bool { return r.sum("delivered_records", "archive") == 1 }, "the good one is delivered")
	require.EqualValues(t, 1, r.sum("undecodable_records", ""))
	require.EqualValues(t, 1, r.sum("journal_quarantined", ""))
}

// Too old for every class that wants it: counted, not stored, not an error.
func TestExpiredOnArrival(t *testing.T) {
	cfg := testConfig(t)
	cfg.Classes = cfg.Classes[:1]
	r := start(t, cfg)
	old := request("old")
	old.Time -= int64(20 * 24 * time.Hour)
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(old)))
	require.NoError(t, r.rotate())
	eventually(t, func() bool { return r.sum("expired_on_arrival", "") == 1 }, "counted")
}

// What no class keeps any more goes at the first sweep after a start.
func TestSweep(t *testing.T) {
	cfg := testConfig(t)
	r := start(t, cfg)
	old := request("old")
	old.Time -= int64(20 * 24 * time.Hour)
	old.Observed = old.Time
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(old)))
	r.stop()
	blocks := func(class string) []string {
		found, err := filepath.Glob(filepath.Join(cfg.Destinations.Archive.Directory, "v1", "class="+class, "*", "*.parquet"))
		require.NoError(t, err)
		return found
	}
	require.Len(t, blocks("full"), 1)

	again := *cfg
	r = start(t, &again)
	eventually(t, func() bool { return r.sum("swept_blocks", "") == 1 }, "swept")
	require.EqualValues(t, 1, r.sum("swept_rows", ""))
	require.Empty(t, blocks("full"))
	require.Len(t, blocks("trail"), 1)
}

// Many senders at once, while segments close and become blocks: everything acknowledged is there once.
func TestConcurrentSenders(t *testing.T) {
	cfg := testConfig(t)
	cfg.Journal.MaxSize = 64 << 20
	r := start(t, cfg)
	const senders, each = 8, 60
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				if err := r.logs.ConsumeLogs(t.Context(), asLogs(request(fmt.Sprintf("%d/%d", s, i)), request(fmt.Sprintf("%d/%d/b", s, i)))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	r.stop()
	got := archived(t, cfg, "full")
	require.Len(t, got, 2*senders*each)
	for id, n := range got {
		require.Equal(t, 1, n, id)
	}
}
