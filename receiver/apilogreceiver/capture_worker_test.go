package apilogreceiver

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/receiver/apilogreceiver/internal/metadata"
)

// downstream is a next consumer under the control of a test.
type downstream struct {
	refuse  error
	relents atomic.Bool // it refuses no more
	block   bool
	mutates bool
	began   time.Time

	mu   sync.Mutex
	seen deliveries
}

// deliveries are what a consumer was given.
type deliveries struct {
	tries   int
	got     []event.Record
	batches []int
	at      []time.Duration
}

// deliveries returns what came so far.
func (d *downstream) deliveries() deliveries {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen
}

func (d *downstream) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: d.mutates}
}

func (d *downstream) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen.tries++
	d.seen.at = append(d.seen.at, time.Since(d.began))
	if d.block {
		<-ctx.Done()
		return ctx.Err()
	}
	if d.mutates {
		defer ld.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true })
	}
	if d.refuse != nil && !d.relents.Load() {
		return d.refuse
	}
	if !event.IsTrusted(ctx) {
		return errors.New("the call is not marked")
	}
	d.seen.batches = append(d.seen.batches, ld.LogRecordCount())
	d.seen.got = append(d.seen.got, eventsOf(ld)...)
	return nil
}

// workbench is a worker without a server, in fake time.
type workbench struct {
	*captureWorker
	rig *rig
}

// inFakeTime runs test with a worker of the given settings. Files and listeners stay outside of the bubble.
func inFakeTime(t *testing.T, queue CaptureQueueConfig, batch CaptureBatchConfig, next *downstream, test func(*workbench)) {
	t.Helper()
	cfg := capturing(t, capturingNginx)
	synctest.Test(t, func(t *testing.T) {
		keys, err := fingerprint.Open(cfg.Keyring.Path, fingerprint.Options{})
		require.NoError(t, err)
		b := &workbench{rig: &rig{t: t, telemetry: componenttest.NewTelemetry()}}
		set := receivertest.NewNopSettings(metadata.Type)
		set.TelemetrySettings = b.rig.telemetry.NewTelemetrySettings()
		r, err := newReceiver(set, cfg, next)
		require.NoError(t, err)
		r.keys = keys
		srcs, err := newSources(cfg.Sources, keys, nil)
		require.NoError(t, err)
		c := newDefaultCapture()
		c.Gateway, c.Queue, c.Batch = gatewayNginx, queue, batch
		m := newMeters(r.tb)
		b.captureWorker = r.newCaptureWorker(&c, srcs.byName["edge"], newTemplates(10, m.limit), m)
		next.began = time.Now()
		go b.run()
		test(b)
		b.queue.close()
		b.stop(context.Background())
		require.NoError(t, keys.Close())
		assert.Zero(t, b.queue.bytes.used.Load(), "every byte is given back")
	})
}

// pass lets fake time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (b *workbench) put(n int) (dropped int) {
	for range n {
		r := &http.Request{Method: http.MethodGet, RequestURI: "/auth", Header: http.Header{"X-Original-Uri": {"/v1/a"}}}
		if reason, _ := b.queue.put(newCaptured(r, event.CaptureAuth, "")); reason != "" {
			dropped++
		}
	}
	return dropped
}

var roomy = CaptureQueueConfig{Records: 1000, Bytes: 16 << 20}

func TestABatchGoesWhenItIsFullOrOld(t *testing.T) {
	next := &downstream{}
	inFakeTime(t, roomy, CaptureBatchConfig{Records: 10, Interval: 200 * time.Millisecond}, next, func(b *workbench) {
		b.put(25)
		synctest.Wait()
		assert.Equal(t, []int{10, 10}, next.deliveries().batches)
		pass(200 * time.Millisecond)
		assert.Equal(t, []int{10, 10, 5}, next.deliveries().batches)
		assert.Equal(t, 25, distinct(ids(next.deliveries().got)))
	})
}

// A refusal for now costs nothing while the queue has room, even where the consumer changed what it refused.
func TestARefusedBatchIsTriedAgainAsItWas(t *testing.T) {
	next := &downstream{refuse: errors.New("the disk is busy"), mutates: true}
	inFakeTime(t, roomy, CaptureBatchConfig{Records: 10, Interval: time.Millisecond}, next, func(b *workbench) {
		b.put(10)
		pass(time.Minute)
		assert.Greater(t, next.deliveries().tries, 10)
		assert.Less(t, next.deliveries().tries, 25, "the wait between tries grows")
		next.relents.Store(true)
		pass(lastBackoff)
		assert.Len(t, next.deliveries().got, 10)
		assert.Zero(t, b.rig.counter("capture_dropped"))
	})
}

// While the consumer refuses, the queue fills; then the oldest go, counted, and the newest stay.
func TestAFullQueueGivesUpTheOldest(t *testing.T) {
	next := &downstream{refuse: errors.New("the disk is full")}
	inFakeTime(t, CaptureQueueConfig{Records: 20, Bytes: 16 << 20}, CaptureBatchConfig{Records: 10, Interval: time.Millisecond}, next, func(b *workbench) {
		b.put(10)
		pass(10 * time.Millisecond)
		assert.Zero(t, b.put(20), "ten are with the worker, twenty in the queue")
		assert.Equal(t, 5, b.put(5))
		pass(lastBackoff)
		assert.EqualValues(t, 10, b.rig.counter("capture_dropped", "reason=refused"))
		assert.Zero(t, b.put(10), "there is room again")
		next.relents.Store(true)
		pass(2 * lastBackoff)
		assert.Len(t, next.deliveries().got, 30)
	})
}

func TestARefusalForGoodIsCounted(t *testing.T) {
	next := &downstream{refuse: consumererror.NewPermanent(errors.New("never"))}
	inFakeTime(t, roomy, CaptureBatchConfig{Records: 10, Interval: time.Millisecond}, next, func(b *workbench) {
		b.put(10)
		pass(time.Second)
		assert.Equal(t, 1, next.deliveries().tries)
		assert.EqualValues(t, 10, b.rig.counter("capture_dropped", "reason=refused"))
	})
}

func TestTheQueueIsBoundedInBytes(t *testing.T) {
	next := &downstream{block: true}
	size := int64(capturedBase + capturedField + len("X-Original-Uri/v1/a/auth"))
	inFakeTime(t, CaptureQueueConfig{Records: 1000, Bytes: 5 * size}, CaptureBatchConfig{Records: 1, Interval: time.Hour}, next, func(b *workbench) {
		b.put(1)
		synctest.Wait() // that one is with the consumer
		assert.Equal(t, 2, b.put(7))
	})
}

// A stop ends, whatever the next consumer does, and everything that was answered is handed on or counted.
func TestAStopEnds(t *testing.T) {
	f := func(name string, next *downstream, lost int64, most time.Duration) {
		inFakeTime(t, roomy, CaptureBatchConfig{Records: 10, Interval: time.Hour}, next, func(b *workbench) {
			b.put(35)
			synctest.Wait()
			began := time.Now()
			b.queue.close()
			assert.Equal(t, 1, b.put(1), "nothing is taken any more")
			b.stop(context.Background())
			assert.LessOrEqual(t, time.Since(began), most, name)
			assert.Equal(t, lost, b.rig.counter("capture_dropped", "reason=shutdown"), name)
			assert.Equal(t, 35-int(lost), len(next.deliveries().got), name)
		})
	}
	f("takes", &downstream{}, 0, 0)
	f("refuses", &downstream{refuse: errors.New("not now")}, 35, captureDrain+time.Second)
	f("blocks", &downstream{block: true}, 35, captureDrain+time.Second)
}

// A panic on one hostile request costs what it said, not the batch.
func TestAPanicCostsOneDescription(t *testing.T) {
	next := &downstream{}
	inFakeTime(t, roomy, CaptureBatchConfig{Records: 2, Interval: time.Millisecond}, next, func(b *workbench) {
		b.dialects = map[string]*askedBy{event.CaptureAuth: &nginxAsked}
		bad := newCaptured(&http.Request{Method: http.MethodGet}, event.CaptureMirror, "") // no dialect: a nil pointer
		_, _ = b.queue.put(bad)
		b.put(1)
		pass(time.Second)
		require.Len(t, next.deliveries().got, 2)
		assert.Equal(t, "mirror", next.deliveries().got[0].Attrs.Str(event.KeyCapture))
		assert.Equal(t, event.RedactionDone, next.deliveries().got[0].Attrs.Str(event.KeyRedaction))
		assert.Equal(t, "/v1/a", next.deliveries().got[1].Attrs.Str(event.KeyPath))
	})
}
