//go:build scenario

package servers

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/testbed/harness"
)

func TestRetentionInADirectory(t *testing.T) {
	b, err := bucket.OpenDir(filepath.Join(t.TempDir(), "archive"))
	require.NoError(t, err)
	keepsItsPromises(t, b)
}

func TestRetentionOnMinIO(t *testing.T) {
	keepsItsPromises(t, open(t, harness.MinIO(t).MakeBucket(harness.Bucket{Name: "trail", Versioned: true}), bucket.Options{}))
}

func TestRetentionOnVersitygw(t *testing.T) {
	keepsItsPromises(t, open(t, harness.Versitygw(t).MakeBucket(harness.Bucket{Name: "trail", Versioned: true}), bucket.Options{}))
}

// eventDays are the days on which something happens.
const eventDays = 5

// lookDays are the days on which the archive is looked at: around each end of a class, and in between.
var lookDays = []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 40, 90, 91, 92, 95, 96, 300, 400, 401, 402, 405, 406, 408}

// retention is an archive under a clock that its test turns.
type retention struct {
	t     *testing.T
	b     bucket.Bucket
	start time.Time // noon of the first day
	now   time.Time
	kept  map[string][]byte // blocks as they stood on the second day, to plant
}

// keepsItsPromises lets 408 days pass over five days of events. After each, exactly what the classes promise stands, in
// objects and in versions, and Prove says so; what is planted is found.
func keepsItsPromises(t *testing.T, b bucket.Bucket) {
	r := &retention{t: t, b: b, start: time.Now().UTC().Truncate(day).Add(day / 2), kept: make(map[string][]byte)}
	r.now = r.start
	w := newAuthor(t, b, func() time.Time { return r.now }, archive.ShippedClasses()...)
	table := []string{"day   full  trail security  objects versions commits"}
	for _, d := range lookDays {
		r.now = r.start.Add(time.Duration(d) * day)
		if d < eventDays {
			var records []*event.Record
			for i := range 6 {
				records = append(records, request(d*100+i, r.now.Add(-time.Duration(i)*time.Minute), anna, i))
			}
			w.segment(records...)
		}
		_, err := archive.Compact(t.Context(), b, archive.CompactOptions{Now: func() time.Time { return r.now }, Staging: t.TempDir()})
		require.NoError(t, err)
		r.now = r.now.Add(3 * time.Hour) // beyond the grace of searches under way
		_, err = archive.Sweep(t.Context(), b, r.now)
		require.NoError(t, err)
		table = append(table, r.look(d))
		switch d {
		case 2:
			r.remember()
		case 9:
			r.plantObject()
		case 40:
			r.plantVersion()
		}
	}
	assert.Empty(t, keys(t, b, "_commit/"), "what says what is there goes last")
	t.Logf("objects per class after so many days:\n%s", strings.Join(table, "\n"))
}

// promised are the class and day of what must be there.
func (r *retention) promised(d int) []string {
	var want []string
	for _, c := range archive.ShippedClasses() {
		for e := range min(d+1, eventDays) {
			on := r.start.Truncate(day).Add(time.Duration(e) * day)
			if on.Add(day + c.Keep).After(r.now) {
				want = append(want, "class="+c.Name+"/dt="+on.Format("2006-01-02"))
			}
		}
	}
	slices.Sort(want)
	return want
}

func (r *retention) look(d int) string {
	r.t.Helper()
	perClass, there := make(map[string]int), make(map[string]bool)
	objects := keys(r.t, r.b, "v1/")
	for _, k := range objects {
		part := strings.Split(k, "/")
		perClass[strings.TrimPrefix(part[1], "class=")]++
		there[part[1]+"/"+part[2]] = true
	}
	require.Equal(r.t, r.promised(d), slices.Sorted(maps.Keys(there)), "after %d days", d)
	require.Empty(r.t, r.prove().Violations, "after %d days", d)
	versions := r.versions()
	require.Contains(r.t, []int{len(objects), -1}, versions, "after %d days nothing but what can be listed can be read", d)
	return fmt.Sprintf("%3d  %5d  %5d  %7d  %7d  %7d  %6d", d, perClass["full"], perClass["trail"], perClass["security"],
		len(objects), versions, len(keys(r.t, r.b, "_commit/")))
}

// versions counts the versions and markers of data, -1 where the bucket keeps none.
func (r *retention) versions() int {
	versions, ok := r.b.(bucket.Versions)
	if !ok {
		return -1
	}
	n := 0
	for _, err := range versions.Versions(r.t.Context(), "v1/") {
		require.NoError(r.t, err)
		n++
	}
	return n
}

func (r *retention) prove() *archive.ProveReport {
	r.t.Helper()
	p, err := archive.Prove(r.t.Context(), r.b, r.now)
	require.NoError(r.t, err)
	return p
}

func (r *retention) remember() {
	for _, k := range keys(r.t, r.b, "v1/") {
		text, err := r.b.GetRange(r.t.Context(), k, 0, -1)
		require.NoError(r.t, err)
		r.kept[k] = text
	}
}

func (r *retention) put(key string) {
	r.t.Helper()
	text := r.kept[key]
	require.NotEmpty(r.t, text)
	require.NoError(r.t, r.b.Put(r.t.Context(), key, bytes.NewReader(text), int64(len(text)), bucket.PutOptions{}))
}

// plantObject puts a block back whose class has ended: it is found, and the next sweep takes it.
func (r *retention) plantObject() {
	r.t.Helper()
	prefix := "v1/class=full/dt=" + r.start.Format("2006-01-02") + "/"
	i := slices.IndexFunc(slices.Sorted(maps.Keys(r.kept)), func(k string) bool { return strings.HasPrefix(k, prefix) })
	require.GreaterOrEqual(r.t, i, 0)
	key := slices.Sorted(maps.Keys(r.kept))[i]
	r.put(key)
	p := r.prove()
	require.Len(r.t, p.Violations, 1)
	require.Equal(r.t, key, p.Violations[0].Key)
	require.Contains(r.t, []archive.ViolationKind{archive.ViolationExpired, archive.ViolationOrphan}, p.Violations[0].Kind)
	_, err := archive.Sweep(r.t.Context(), r.b, r.now)
	require.NoError(r.t, err)
	require.Empty(r.t, r.prove().Violations)
}

// plantVersion leaves an old version of a block that stands: nobody lists it, whoever asks for it by its id reads it.
func (r *retention) plantVersion() {
	r.t.Helper()
	versions, ok := r.b.(bucket.Versions)
	if !ok {
		return
	}
	key := keys(r.t, r.b, "v1/class=trail/")[0]
	text, err := r.b.GetRange(r.t.Context(), key, 0, -1)
	require.NoError(r.t, err)
	r.kept[key] = text
	r.put(key)
	p := r.prove()
	require.Len(r.t, p.Violations, 1)
	require.Equal(r.t, archive.ViolationExpired, p.Violations[0].Kind)
	require.Equal(r.t, key, p.Violations[0].Key)
	for v, err := range versions.Versions(r.t.Context(), key) {
		require.NoError(r.t, err)
		if !v.Latest {
			require.NoError(r.t, versions.DeleteVersion(r.t.Context(), key, v.ID, false))
		}
	}
	require.Empty(r.t, r.prove().Violations)
}
