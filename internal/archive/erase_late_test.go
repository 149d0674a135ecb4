package archive

import (
	"context"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

// overtaken is a writer's sight of a bucket in which something happens while its commit is on the way: the tombstones
// were read, the commit does not stand yet.
type overtaken struct {
	bucket.Bucket
	meanwhile func()
	fail      error // the writer dies once its commit stands
	dead      bool
}

func (o *overtaken) Put(ctx context.Context, key string, data io.Reader, size int64, opts bucket.PutOptions) error {
	if !strings.HasPrefix(key, commitPrefix) || o.meanwhile == nil {
		return o.Bucket.Put(ctx, key, data, size, opts)
	}
	do := o.meanwhile
	o.meanwhile = nil
	do()
	err := o.Bucket.Put(ctx, key, data, size, opts)
	if err == nil && o.fail != nil {
		o.dead = true
		return o.fail
	}
	return err
}

func each(records ...*event.Record) iter.Seq[*event.Record] { return slices.Values(records) }

func prove(t testing.TB, b bucket.Bucket, now time.Time) *ProveReport {
	t.Helper()
	p, err := Prove(t.Context(), b, now)
	require.NoError(t, err)
	return p
}

// She is erased in the instant in which a writer commits more of her: the erasure sees no such block and ends, the writer
// had seen no tombstone.
func TestAWriterThatIsOvertakenByAnErasureTakesItsRowsOut(t *testing.T) {
	f := func(name string, dies bool) {
		t.Run(name, func(t *testing.T) {
			b, _ := town(t)
			o := &overtaken{Bucket: b}
			w, err := NewWriter(o, WriterOptions{Writer: "01JD0000000000000000000001", Classes: ShippedClasses(), Now: func() time.Time { return today }})
			require.NoError(t, err)
			records := each(owned(700, today.Add(-time.Minute), anna, 1), owned(701, today.Add(-time.Minute), ben, 2))
			o.meanwhile = func() {
				r := erase(t, b, EraseOptions{Owner: anna})
				require.Zero(t, r.Left)
			}
			if dies {
				o.fail = errKilled
			}
			_, err = w.WriteSegment(t.Context(), 1, records)
			if dies {
				require.ErrorIs(t, err, errKilled)
				assert.Len(t, eventsOf(t, b, Selection{Fingerprints: []string{fp(1)}}), 2, "now nobody but the next try knows")
				p := prove(t, b, today.Add(time.Hour))
				assert.Equal(t, []ViolationKind{ViolationErased, ViolationErased}, kindsOf(p.Violations), "or whoever proves")
				w, err = NewWriter(b, WriterOptions{Writer: "01JD0000000000000000000001", Classes: ShippedClasses(), Now: func() time.Time { return today }})
				require.NoError(t, err)
				_, err = w.WriteSegment(t.Context(), 1, records)
			}
			require.NoError(t, err)
			assert.Empty(t, eventsOf(t, b, Selection{Fingerprints: []string{fp(1)}}))
			assert.Contains(t, eventsOf(t, b, Selection{Owner: []string{ben}}), "full 2be")
			requireNowhere(t, b, anna)
			assert.Empty(t, prove(t, b, today.Add(time.Hour)).Violations)
		})
	}
	f("and lives", false)
	f("and dies", true)
}

// The compactor merges late rows that name her by pseudonym alone, when the map has forgotten her.
func TestACompactorKnowsAForgottenPseudonym(t *testing.T) {
	b, _ := town(t)
	o := &overtaken{Bucket: b, fail: errKilled}
	w, err := NewWriter(o, WriterOptions{Writer: "01JD0000000000000000000001", Classes: ShippedClasses(), Now: func() time.Time { return today }})
	require.NoError(t, err)
	o.meanwhile = func() { erase(t, b, EraseOptions{Owner: anna}) }
	_, err = w.WriteSegment(t.Context(), 1, each(owned(700, today.Add(-time.Minute), anna, 1), owned(701, today.Add(-time.Minute), ben, 2)))
	require.ErrorIs(t, err, errKilled)

	assert.EqualValues(t, 2, compact(t, b, today.Add(2*day)).Dropped)
	sweep(t, b, today.Add(2*day).Add(readGrace))
	assert.Empty(t, eventsOf(t, b, Selection{Fingerprints: []string{fp(1)}}))
	requireNowhere(t, b, anna)
}
