//go:build scenario

package scenarios

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

// trouble is what an object store does for a while.
type trouble struct {
	name   string
	begin  func()
	end    func()
	reason string // under which a failed delivery is counted; empty where the client's own repetition gets through
}

// Whatever the store does, senders notice nothing while the journal has room, a search finds everything meanwhile, and
// when the store is well again the bucket alone holds every event, once.
func TestTroublesOfTheStoreUnderLoad(t *testing.T) {
	dir := harness.Dir(t)
	store, name, location := bucketFor(t)
	ring := filepath.Join(dir, "keyring.yaml")
	way := harness.Faults(t, store.Address)
	k := newKeeper(t, dir, ring, "max_size: 268435456", onS3(store, way.Address, name, ""))
	l := newTraffic("s3-troubles-token-0000000001")
	l.pace = 10 * time.Millisecond
	k.start()
	end := l.run(k.ingest, 2)

	faults := func(choose func(*http.Request) *harness.Fault) (begin, end func()) {
		return func() { way.Each(choose) }, func() { way.Each(nil) }
	}
	all := func(f harness.Fault) func(*http.Request) *harness.Fault {
		return func(*http.Request) *harness.Fault { return &f }
	}
	puts := func(part string, f harness.Fault) func(*http.Request) *harness.Fault {
		return func(r *http.Request) *harness.Fault {
			if r.Method == http.MethodPut && strings.Contains(r.URL.Path, part) {
				return &f
			}
			return nil
		}
	}
	reads := 0
	slowReads := func(r *http.Request) *harness.Fault {
		if r.Method != http.MethodGet {
			return nil
		}
		if reads++; reads%3 == 0 {
			return &harness.Fault{Stop: 100} // ends in the middle
		}
		return &harness.Fault{Delay: 300 * time.Millisecond}
	}
	troubles := []trouble{
		{name: "503 SlowDown to everything", reason: "slow_down"},
		{name: "500 to everything", reason: "server_error"},
		{name: "403 to everything", reason: "denied"},
		{name: "a clock that the store does not accept", reason: "clock_skew"},
		{name: "silence after the commit", reason: "timeout"},
		{name: "the connection cut after a block", reason: "connection"},
		{name: "slow and broken reads", reason: ""},
		{name: "a store that hangs", begin: store.Pause, end: store.Resume, reason: "timeout"},
		{name: "a store that is killed and comes back", begin: store.Kill, end: store.Start, reason: "connection"},
	}
	for i, choose := range []func(*http.Request) *harness.Fault{
		all(harness.SlowDown()), all(harness.S3Error(http.StatusInternalServerError, "InternalError")), all(harness.S3Error(http.StatusForbidden, "AccessDenied")),
		all(harness.S3Error(http.StatusForbidden, "RequestTimeTooSkewed")),
		puts("/_commit/", harness.Fault{After: true, Silent: true}), puts("/v1/", harness.Fault{After: true, Cut: true}), slowReads,
	} {
		troubles[i].begin, troubles[i].end = faults(choose)
	}
	for _, tr := range troubles {
		tr.suffer(k, l)
	}
	end()
	require.Zero(t, l.refusals(http.StatusServiceUnavailable), "the journal had room for all of it")
	k.process.Stop()
	l.requireTrail(t, dir, fmt.Sprintf("%d troubles, the bucket alone", len(troubles)), "--archive", location, "--keyring", ring)
}

// suffer lets the store be in trouble until a delivery has failed of it, while requests are acknowledged, and then waits
// until the journal is being emptied again.
func (tr trouble) suffer(k *keeper, l *traffic) {
	k.t.Helper()
	failures := func() float64 { return k.metric("delivery_failures", "destination", "archive", "reason", tr.reason) }
	before, acked := 0.0, l.count()
	if tr.reason != "" {
		before = failures()
	}
	tr.begin()
	l.until(k.t, 100)
	harness.Eventually(k.t, 30*time.Second, tr.name, func() error {
		if tr.reason != "" && failures() == before {
			return fmt.Errorf("no delivery failed of %s", tr.reason)
		}
		return nil
	})
	tr.end()
	k.delivers()
	k.t.Logf("%s: %d acknowledged meanwhile", tr.name, l.count()-acked)
}

// delivers waits until what is acknowledged now is in the archive.
func (k *keeper) delivers() {
	k.t.Helper()
	appended := k.metric("journal_appended_records")
	start := k.metric("delivered_records", "destination", "archive") + k.metric("pending_records", "destination", "archive")
	harness.Eventually(k.t, 60*time.Second, "the archive has what was appended", func() error {
		if got := k.metric("delivered_records", "destination", "archive"); got < start {
			return fmt.Errorf("%v delivered of %v, %v appended", got, start, appended)
		}
		return nil
	})
}

// A store that stays away fills the journal, which then refuses with 503 and Retry-After; what it has is found beside
// the archive that cannot be asked. When the store is back, the senders go on and the bucket gets everything.
func TestJournalFullWhileTheStoreIsAway(t *testing.T) {
	dir := harness.Dir(t)
	store, name, location := bucketFor(t)
	ring := filepath.Join(dir, "keyring.yaml")
	k := newKeeper(t, dir, ring, "max_size: 4194304", onS3(store, store.Address, name, ""))
	l := newTraffic("s3-away-token-00000000000001")
	k.start()
	end := l.run(k.ingest, 8)
	l.until(t, 200)
	k.delivers()
	store.Kill()
	harness.Eventually(t, 60*time.Second, "the journal is full", func() error {
		if l.refusals(http.StatusServiceUnavailable) < 20 {
			return fmt.Errorf("%d acknowledged", l.count())
		}
		return nil
	})
	held := l.count()
	const header = 96 // of the segment that was begun last: max_size is about records
	require.LessOrEqual(t, k.metric("journal_held_bytes"), 4194304.0+header)
	more := newTraffic("s3-away-refused-000000000001")
	harness.Eventually(t, 10*time.Second, "a refusal in full", func() error { // a body may still fit where a larger one did not
		_, body := more.body()
		status, header, answer, err := exchange("http://"+k.ingest+"/ingest/kong", "kong", body)
		if err == nil && (status != http.StatusServiceUnavailable || header.Get("Retry-After") == "") {
			err = fmt.Errorf("%d %s", status, answer)
		}
		return err
	})
	store.Start()
	harness.Eventually(t, 60*time.Second, "the senders go on", func() error {
		if l.count() < held+1000 {
			return errors.New("still refused")
		}
		return nil
	})
	end()
	k.process.Stop()
	t.Logf("%d acknowledged when the journal was full, %d refusals", held, l.refusals(http.StatusServiceUnavailable))
	l.requireTrail(t, dir, "the journal was full, the bucket alone", "--archive", location, "--keyring", ring)
}
