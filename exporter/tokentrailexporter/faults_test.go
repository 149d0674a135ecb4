package tokentrailexporter

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

// faultyBucket answers instead of its store, or after it.
type faultyBucket struct {
	bucket.Bucket
	mu     sync.Mutex
	before func(op, key string) error // the store is not asked
	after  func(op, key string) error // the store did what was asked
	spoil  func(key string) bool      // the store keeps other bytes than it was given
}

func (f *faultyBucket) ask(hook *func(op, key string) error, op, key string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if *hook == nil {
		return nil
	}
	return (*hook)(op, key)
}

func (f *faultyBucket) heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.after, f.spoil = nil, nil, nil
}

func (f *faultyBucket) Put(ctx context.Context, key string, data io.Reader, size int64, o bucket.PutOptions) error {
	if err := f.ask(&f.before, "put", key); err != nil {
		return err
	}
	f.mu.Lock()
	spoiled := f.spoil != nil && f.spoil(key)
	f.mu.Unlock()
	if spoiled {
		data = bytes.NewReader(make([]byte, size))
	}
	if err := f.Bucket.Put(ctx, key, data, size, o); err != nil {
		return err
	}
	return f.ask(&f.after, "put", key)
}

func (f *faultyBucket) GetRange(ctx context.Context, key string, off, n int64) ([]byte, error) {
	if err := f.ask(&f.before, "get", key); err != nil {
		return nil, err
	}
	return f.Bucket.GetRange(ctx, key, off, n)
}

// simulated is a clock on which any wait is over soon.
type simulated struct {
	mu     sync.Mutex
	waited time.Duration
}

func (s *simulated) after(d time.Duration) <-chan time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waited += d
	return time.After(10 * time.Millisecond)
}

func (s *simulated) total() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waited
}

// startFaulty starts an exporter whose store answers as the fault says.
func startFaulty(t testing.TB, cfg *Config, f *faultyBucket) (*rig, *simulated) {
	t.Helper()
	cfg.between = func(b bucket.Bucket) bucket.Bucket {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.Bucket = b
		return f
	}
	clock := &simulated{}
	cfg.after = clock.after
	return start(t, cfg), clock
}

func failure(op, key string, reason bucket.Reason) error {
	return &bucket.Failure{Op: op, Key: key, Reason: reason}
}

// Whatever the store answers, the segment stays in the journal, the status and the metric say why, and when the store
// is well again every event is in the archive once.
func TestEveryAnswerOfTheStore(t *testing.T) {
	reasons := []bucket.Reason{
		bucket.Conflict, bucket.SlowDown, bucket.ServerError, bucket.Timeout, bucket.Connection, bucket.Refused, bucket.ClockSkew,
		bucket.NoBucket, bucket.Unsupported, bucket.Invalid, bucket.Cancelled,
	}
	for _, reason := range reasons {
		for _, at := range []string{"v1/", "_commit/"} {
			for _, done := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/done=%v", reason, strings.Trim(at, "/"), done), func(t *testing.T) {
					checkAnswer(t, reason, at, done)
				})
			}
		}
	}
}

func checkAnswer(t *testing.T, reason bucket.Reason, at string, done bool) {
	cfg := testConfig(t)
	fault := func(op, key string) error {
		if op == "put" && strings.HasPrefix(key, at) {
			return failure(op, key, reason)
		}
		return nil
	}
	f := &faultyBucket{}
	if done {
		f.after = fault
	} else {
		f.before = fault
	}
	r, _ := startFaulty(t, cfg, f)
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("a"), request("b"))))
	require.NoError(t, r.rotate())
	if !done || at != "_commit/" { // else the next attempt finds its own commit
		eventually(t, func() bool { return r.sum("delivery_failures", string(reason)) > 1 }, "tried again")
		require.Equal(t, componentstatus.StatusRecoverableError, r.host.status())
		require.Len(t, stored(t, cfg), 2, "still in the journal")
		require.EqualValues(t, 0, r.sum("destination_up", "archive"))
		f.heal()
	}
	eventually(t, func() bool { return r.sum("delivered_records", "archive") == 2 }, "delivered")
	eventually(t, func() bool { return r.sum("destination_up", "archive") == 1 }, "well again")
	require.Equal(t, map[string]int{"a": 1, "b": 1}, archived(t, cfg, "full"))
	require.Empty(t, stored(t, cfg))
	r.stop()
}

// A store that is away for an hour costs nothing but time: the journal takes what comes until it is full, refuses so
// that senders keep what they have, and gives everything away when the store is back.
func TestTheStoreIsAwayForAnHour(t *testing.T) {
	cfg := testConfig(t)
	f := &faultyBucket{before: func(op, key string) error { return failure(op, key, bucket.Connection) }}
	r, clock := startFaulty(t, cfg, f)
	acked := map[string]int{}
	refused := 0
	pad := with("kong.pad", event.String(strings.Repeat("x", 6000)))
	for i := range 240 {
		id := fmt.Sprint("event ", i)
		if err := r.logs.ConsumeLogs(t.Context(), asLogs(request(id, pad))); err == nil {
			acked[id] = 1
		} else {
			refused++
			require.ErrorContains(t, err, "journal: full")
			require.False(t, consumererror.IsPermanent(err), "the sender may try again")
		}
	}
	require.Positive(t, refused)
	require.Greater(t, len(acked), 100)
	eventually(t, func() bool { return clock.total() > time.Hour }, "an hour")
	require.Len(t, stored(t, cfg), len(acked))
	require.EqualValues(t, refused, r.sum("rejected_records", "full"))
	f.heal()
	eventually(t, func() bool { return r.logs.ConsumeLogs(t.Context(), asLogs(request("after"))) == nil }, "takes again")
	acked["after"] = 1
	r.stop()
	require.Equal(t, acked, archived(t, cfg, "full"))
	require.Equal(t, componentstatus.StatusOK, r.host.status())
}

// What a store acknowledges and does not give back is found before the commit, and put again.
func TestAStoreThatKeepsOtherBytes(t *testing.T) {
	cfg := testConfig(t)
	spoiled := 0
	f := &faultyBucket{spoil: func(key string) bool {
		if strings.HasPrefix(key, "v1/class=full") {
			spoiled++
			return spoiled == 1
		}
		return false
	}}
	r, _ := startFaulty(t, cfg, f)
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("a"))))
	require.NoError(t, r.rotate())
	eventually(t, func() bool { return r.sum("delivered_records", "archive") == 1 }, "delivered")
	require.EqualValues(t, 1, r.sum("delivery_failures", "not_as_put"))
	require.Equal(t, map[string]int{"a": 1}, archived(t, cfg, "full"))
}

// A record that was changed on the disk is quarantined and counted, sealed or not; the rest is delivered.
func TestACorruptSegmentIsQuarantined(t *testing.T) {
	for _, sealed := range []bool{false, true} {
		cfg := testConfig(t)
		if sealed {
			cfg.Journal.Encryption = testEncryption(t)
		}
		f := &faultyBucket{before: func(op, key string) error { return failure(op, key, bucket.Connection) }}
		r, _ := startFaulty(t, cfg, f)
		require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("a"))))
		require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("b"))))
		require.NoError(t, r.rotate())
		corruptTail(t, cfg)
		require.NoError(t, r.logs.ConsumeLogs(t.Context(), asLogs(request("c"))))
		before := r.sum("delivery_failures", "")
		eventually(t, func() bool { return r.sum("delivery_failures", "") > before+1 }, "an attempt that began after the damage")
		f.heal()
		eventually(t, func() bool { return r.sum("journal_quarantined", "") == 1 }, "found")
		r.stop()
		require.Equal(t, map[string]int{"a": 1, "c": 1}, archived(t, cfg, "full"))
		kept, err := filepath.Glob(filepath.Join(cfg.Journal.Directory, "quarantine", "*.seg"))
		require.NoError(t, err)
		require.Len(t, kept, 1)
	}
}

// corruptTail flips the last byte of the oldest segment.
func corruptTail(t *testing.T, cfg *Config) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(cfg.Journal.Directory, "*.seg"))
	require.NoError(t, err)
	f, err := os.OpenFile(segments[0], os.O_RDWR, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	end, err := f.Seek(-1, io.SeekEnd)
	require.NoError(t, err)
	last := make([]byte, 1)
	_, err = f.ReadAt(last, end)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte{last[0] ^ 1}, end) // in place: the exporter reads the file meanwhile
	require.NoError(t, err)
}
