//go:build scenario

package scenarios

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/testbed/harness"
)

// momentOfDeath is a request of a compactor, by which it dies: before the store hears of it, or after.
type momentOfDeath struct {
	name  string
	is    func(method, key string) bool
	after bool
}

func mergedBlock(method, key string) bool {
	return method == http.MethodPut && strings.HasPrefix(key, "v1/") && strings.Contains(key, "/L")
}

func replaceCommit(method, key string) bool {
	return method == http.MethodPut && strings.HasPrefix(key, "_commit/") && strings.Contains(key, "/class=")
}

func leasePut(method, key string) bool {
	return method == http.MethodPut && key == "_lease/compact.json"
}

var momentsOfDeath = []momentOfDeath{
	{"the lease is taken", leasePut, true},
	{"a block is not put yet", mergedBlock, false},
	{"a block is put", mergedBlock, true},
	{"the commit is not put yet", replaceCommit, false},
	{"the commit is put", replaceCommit, true},
}

// Two collectors write one bucket. The one that compacts is killed at each step of a compaction, and later both compact
// at the same time since the lease keeps vanishing; whoever reads meanwhile sees what he saw before, and nothing twice.
func TestCollectorKilledWhileItCompacts(t *testing.T) {
	dir := harness.Dir(t)
	store, name, location := bucketFor(t)
	ring := filepath.Join(dir, "keyring.yaml")
	require.Zero(t, harness.Keytrail(t, dir, "", "keys", "init", "--keyring", ring).Code)
	way := harness.Faults(t, store.Address)
	writer := newKeeper(t, filepath.Join(dir, "a"), ring, "max_size: 67108864", onS3(store, store.Address, name, "")+"\ncompaction: {interval: 0s}")
	victim := newKeeper(t, filepath.Join(dir, "b"), ring, "max_size: 67108864", onS3(store, way.Address, name, "")+"\ncompaction: {interval: 1s}")
	l := newTraffic("two-collectors-token-0000001")
	l.age, l.pace = 72*time.Hour, 30*time.Millisecond
	r := readAlong(t, l, dir, "--archive", location, "--keyring", ring)

	writer.start()
	end := l.run(writer.ingest, 2)
	for _, m := range momentsOfDeath {
		victim.dieAt(way, m, func() { forget(t, store, name) }, l)
	}
	require.Zero(t, writer.metric("delivery_failures"), "the other one was not disturbed")
	end()
	writer.process.Stop()

	// Both compact, each thinking that it is its turn.
	writer.config = strings.Replace(writer.config, "compaction: {interval: 0s}", "compaction: {interval: 1s}", 1)
	writer.start()
	victim.start()
	ends := []func(){l.run(writer.ingest, 1), l.run(victim.ingest, 1)}
	bothCompact(t, writer, victim, func() { forget(t, store, name) })
	for _, end := range ends {
		end()
	}
	writer.process.Stop()
	victim.process.Stop()
	reads := r()
	require.Greater(t, reads, 3, "somebody read meanwhile")
	l.requireTrail(t, dir, fmt.Sprintf("%d kills in a compaction, %d reads meanwhile", len(momentsOfDeath), reads), "--archive", location, "--keyring", ring)
	res := harness.Keytrail(t, dir, "", "archive", "prove", "--archive", location)
	t.Logf("prove: %s", strings.TrimSpace(res.Stdout))
	require.Zero(t, res.Code, "%s%s", res.Stdout, res.Stderr)
}

// dieAt starts the collector, kills it by the first request that is the moment, and lets its lease end.
func (k *keeper) dieAt(way *harness.FaultProxy, m momentOfDeath, forget func(), l *traffic) {
	k.t.Helper()
	forget()
	met := make(chan struct{})
	var once sync.Once
	way.Each(func(r *http.Request) *harness.Fault {
		_, key, _ := strings.Cut(r.URL.Path, "/trail/")
		dead := false
		select {
		case <-met:
			dead = true
		default:
		}
		if !dead && !m.is(r.Method, key) {
			return nil
		}
		once.Do(func() { close(met) })
		return &harness.Fault{After: m.after && !dead, Silent: true} // nothing of the dead arrives
	})
	k.start()
	end := l.run(k.ingest, 1)
	select {
	case <-met:
	case <-time.After(30 * time.Second):
		k.t.Fatalf("%s: no such request of %v", m.name, way.Requests())
	}
	k.process.Kill()
	end()
	way.Each(nil)
	k.t.Logf("killed when %s", m.name)
}

// forget ends a lease as time would: a dead holder keeps it for a quarter of an hour.
func forget(t *testing.T, store *harness.ObjectStore, name string) {
	t.Helper()
	require.NoError(t, store.Client().RemoveObject(context.Background(), name, "trail/_lease/compact.json", minio.RemoveObjectOptions{}))
}

// bothCompact takes the lease away until both have merged something.
func bothCompact(t *testing.T, a, b *keeper, forget func()) {
	t.Helper()
	harness.Eventually(t, 60*time.Second, "both compact", func() error {
		forget()
		if x, y := a.metric("compacted_blocks"), b.metric("compacted_blocks"); x < 4 || y < 4 {
			return fmt.Errorf("%v and %v blocks", x, y)
		}
		return nil
	})
}

// readAlong searches again and again until the returned function is called, which gives the number of searches. What
// was found once is found ever after, and nothing is found twice.
func readAlong(t *testing.T, l *traffic, dir string, args ...string) (end func() int) {
	stop, done := make(chan struct{}), make(chan struct{})
	reads, known := 0, map[string]bool{}
	var failed error
	go func() {
		defer close(done)
		for failed == nil {
			select {
			case <-stop:
				return
			default:
			}
			seen, err := paths(t, dir, l.token, args...)
			lost, twice := compare(known, seen)
			if err != nil || lost+twice > 0 {
				failed = errors.Join(err, fmt.Errorf("read %d: of %d known %d are gone, %d are there twice", reads, len(known), lost, twice))
				return
			}
			for p := range seen {
				known[p] = true
			}
			reads++
		}
	}()
	return func() int {
		t.Helper()
		close(stop)
		<-done
		require.NoError(t, failed)
		return reads
	}
}
