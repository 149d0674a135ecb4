//go:build scenario

package scenarios

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/testbed/harness"
)

// The classes of these stories: one that object stores lock, and one that goes early.
func retentionClasses() []archive.Class {
	return []archive.Class{
		{Name: "full", Keep: 3 * 24 * time.Hour, Fields: []string{archive.FieldsAll}},
		{Name: "security", Keep: 10 * 24 * time.Hour, Fields: []string{archive.FieldsSkeleton}, Lock: archive.LockGovernance},
	}
}

func retentionRecord(n int, at time.Time) *event.Record {
	r := &event.Record{Name: event.NameRequest, Time: at.UnixNano(), Observed: at.UnixNano(), Classes: []string{"full", "security"}}
	r.Attrs.Add(event.KeyFingerprint, event.String("kt1_"+strings.Repeat("0", 31)+string(rune('a'+n%6))))
	r.Attrs.Add(event.KeyEventID, event.String(strings.Repeat("e", n%50+1)))
	r.Attrs.Add(event.KeyRedaction, event.String(event.RedactionDone))
	return r
}

// Two collectors write one versioned bucket with Object Lock and both compact it; what their classes promise is there
// on every day, in every version, and what a lock keeps is counted until its date.
func TestRetentionOnAnObjectStoreIsWhatTheClassesPromise(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *harness.ObjectStore{
		"minio":     func(t testing.TB) *harness.ObjectStore { return harness.MinIO(t) },
		"versitygw": harness.Versitygw,
	} {
		t.Run(name, func(t *testing.T) {
			store := start(t)
			config := store.MakeBucket(harness.Bucket{Name: "keytrail-retention", Versioned: true, ObjectLock: true})
			b, err := bucket.OpenS3(config, bucket.Options{})
			require.NoError(t, err)
			today := time.Now().UTC()
			const events = 12
			for w, writer := range []string{"collectorA", "collectorB"} {
				aw, err := archive.NewWriter(b, archive.WriterOptions{Writer: writer, Classes: retentionClasses()})
				require.NoError(t, err)
				for i := range events / 2 {
					_, err := aw.WriteSegment(t.Context(), uint64(i+1), slices.Values([]*event.Record{retentionRecord(w*events+i, today)}))
					require.NoError(t, err)
				}
			}
			midnight := today.Truncate(24 * time.Hour).Add(24 * time.Hour)
			at := func(days int) func() time.Time {
				return func() time.Time { return midnight.Add(time.Duration(days) * 24 * time.Hour).Add(3 * time.Hour) }
			}
			for _, holder := range []string{"collectorA", "collectorB"} {
				_, err := archive.Compact(t.Context(), b, archive.CompactOptions{Holder: holder, Staging: t.TempDir(), Now: at(0)})
				require.NoError(t, err)
			}
			promise := func(days int, full, security int) {
				t.Helper()
				report, err := archive.Sweep(t.Context(), b, at(days)())
				require.NoError(t, err)
				got := map[string]int{}
				hits, seen := archive.NewReader(b).Search(t.Context(), archive.Selection{Now: at(days)()})
				for h, err := range hits {
					require.NoError(t, err)
					got[h.Record.Classes[0]]++
				}
				require.Empty(t, seen.Unreadable)
				require.Equal(t, [2]int{full, security}, [2]int{got["full"], got["security"]}, "day %d: %+v", days, report)
			}
			promise(0, events, events)
			promise(1, events, events)
			promise(4, 0, events)
			require.Empty(t, versionsOf(t, b, "v1/class=full/"), "not one version is left")

			// A lock is of the store's clock, which no test turns: what it keeps past its time by ours is counted, and goes
			// for whoever may bypass it.
			locked := versionsOf(t, b, "v1/class=security/")
			require.NotEmpty(t, locked)
			report, err := archive.Sweep(t.Context(), b, at(12)())
			require.NoError(t, err)
			require.Equal(t, len(locked), report.Locked)
			for _, v := range locked {
				require.NoError(t, b.DeleteVersion(t.Context(), v.Key, v.ID, true))
			}
			promise(13, 0, 0)
			require.Empty(t, versionsOf(t, b, "v1/"))
			require.Empty(t, versionsOf(t, b, "_commit/"))
		})
	}
}

func versionsOf(t *testing.T, b bucket.Versions, prefix string) []bucket.Version {
	t.Helper()
	var all []bucket.Version
	for v, err := range b.Versions(t.Context(), prefix) {
		require.NoError(t, err)
		all = append(all, v)
	}
	return all
}
