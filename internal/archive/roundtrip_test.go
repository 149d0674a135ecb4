package archive

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

// fullOnly is a class that keeps everything and never ends within a test.
func fullOnly() []Class {
	return []Class{Class{Name: "full", Keep: 100000 * day, Fields: []string{FieldsAll}}.WithDefaults()}
}

func roundTrip(t testing.TB, records []*event.Record) []Hit {
	t.Helper()
	b := openTemp(t)
	w, err := NewWriter(b, WriterOptions{Writer: writerA, Classes: fullOnly()})
	require.NoError(t, err)
	for _, r := range records {
		r.Classes = []string{"full"}
	}
	_, err = w.WriteSegment(t.Context(), 1, slices.Values(records))
	require.NoError(t, err)
	seq, report := NewReader(b).Search(t.Context(), Selection{Primary: true, Now: time.Unix(0, 0)})
	var hits []Hit
	for h, err := range seq {
		require.NoError(t, err)
		hits = append(hits, h)
	}
	require.Empty(t, report.Unreadable)
	return hits
}

func TestARecordComesBackAsItWas(t *testing.T) {
	f := func(seed uint64) bool {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var records []*event.Record
		for i := range 1 + rnd.IntN(40) {
			records = append(records, randomRecord(rnd, i))
		}
		want := make(map[string]*event.Record)
		for _, r := range records {
			want[r.Attrs.Str("n")] = r
		}
		got := roundTrip(t, records)
		if len(got) != len(records) {
			return false
		}
		for i := range got {
			r := &got[i].Record
			if w := want[r.Attrs.Str("n")]; w == nil || !sameRecord(w, r) || kinds(w) != kinds(r) {
				t.Logf("want %+v\ngot  %+v", w, r)
				return false
			}
		}
		return true
	}
	require.NoError(t, quick.Check(f, &quick.Config{MaxCount: 25}))
}

// kinds lists the kinds of the values, which their JSON alone would not tell apart.
func kinds(r *event.Record) string {
	var b strings.Builder
	for _, a := range append(sortedAttrs(r.Resource), sortedAttrs(r.Attrs)...) {
		fmt.Fprintf(&b, "%s=%d ", a.Key, a.Value.Kind())
	}
	return b.String()
}

// randomRecord gives columns values of the right kind, of a wrong kind, and none, and fills the map with keys that look
// like the map's own marks.
func randomRecord(rnd *rand.Rand, n int) *event.Record {
	r := &event.Record{
		Time: today.UnixNano() + rnd.Int64N(int64(2*day)), Observed: rnd.Int64N(2e18), Name: text(rnd), Severity: int32(rnd.Uint32()),
	}
	if n == 0 { // far from here: before 1970, or long after
		r.Time = rnd.Int64() - math.MaxInt64/2
	}
	if rnd.IntN(2) == 0 {
		r.TraceID[rnd.IntN(16)], r.SpanID[rnd.IntN(8)] = byte(rnd.Uint32()), byte(rnd.Uint32())
	}
	if rnd.IntN(3) > 0 {
		r.Scope = event.Scope{Ring: "r", Epoch: rnd.IntN(3), Check: "c"}
	}
	for i := range columns {
		c := &columns[i]
		if c.key == "" || rnd.IntN(3) == 0 {
			continue
		}
		attrs := &r.Attrs
		if c.place == inResource {
			attrs = &r.Resource
		}
		attrs.Add(c.key, value(rnd))
	}
	for _, k := range []string{"resource:x", "attr:x", "attr:resource:x", "x", "service.name", "", "é☃"} {
		r.Attrs.Add(k, value(rnd))
		if k != "service.name" {
			r.Resource.Add(k, value(rnd))
		}
	}
	if rnd.IntN(2) == 0 {
		r.Attrs.Add(event.KeyFingerprint, event.String(fp(rnd.IntN(4))))
		r.Attrs.Add(event.KeyOthers, event.Strings([]string{fp(rnd.IntN(4)) + " cookie.s cookie", ""}))
	} else if rnd.IntN(2) == 0 {
		r.Attrs.Add(event.KeyFingerprint, value(rnd))
	}
	if rnd.IntN(4) > 0 {
		r.Attrs.Add(event.KeyEventID, value(rnd))
	}
	r.Attrs.Add("n", event.String(fmt.Sprint(n)))
	return r
}

func value(rnd *rand.Rand) event.Value {
	switch rnd.IntN(8) {
	case 0:
		return event.Value{}
	case 1:
		return event.Int(rnd.Int64() - math.MaxInt64/2)
	case 2:
		return event.Double(rnd.NormFloat64())
	case 3:
		return event.Bool(rnd.IntN(2) == 0)
	case 4:
		l := make([]string, rnd.IntN(3))
		for i := range l {
			l[i] = text(rnd)
		}
		return event.Strings(l)
	case 5:
		return event.JSON(`{"a":[1,null]}`)
	}
	return event.String(text(rnd))
}

func text(rnd *rand.Rand) string {
	return []string{"", "a", "\"quoted\"", "null", "1", "[]", "tab\tand\nline", "é☃\u2028", "<b>&", strings.Repeat("long ", 40)}[rnd.IntN(10)]
}

func TestTheSameRecordsGiveTheSameBytes(t *testing.T) {
	var sums [2][]string
	for i := range sums {
		b := openTemp(t)
		putBytes(t, b, aliasKey("alice@example.test"), []byte(`{"owner":"alice@example.test","pseudonym":"op_fixed"}`))
		c, err := newTestWriter(t, b).WriteSegment(t.Context(), 1, traffic(3000, 50, today))
		require.NoError(t, err)
		for _, f := range c.Files {
			sums[i] = append(sums[i], f.Key+" "+f.SHA256)
		}
	}
	assert.Equal(t, sums[0], sums[1])
	assert.Len(t, sums[0], 2)
}

func TestProjectionReadsOnlyWhatIsAsked(t *testing.T) {
	b := openTemp(t)
	write(t, newTestWriter(t, b), 1, request(1, today, fp(1)))
	hits := find(t, b, Selection{Keys: []string{event.KeyStatus, "kong.latency.proxy"}})
	assert.Equal(t, "full 2", ids(hits)[0], "the event id always comes along")
	assert.Equal(t, int64(200), hits[0].Record.Attrs.Int(event.KeyStatus))
	assert.Equal(t, int64(12), hits[0].Record.Attrs.Int("kong.latency.proxy"))
	assert.Empty(t, hits[0].Record.Attrs.Str(event.KeyPath))
}

// FuzzRoundTrip looks for a record that the archive changes.
func FuzzRoundTrip(f *testing.F) {
	r := request(1, today, fp(1))
	f.Add(r.Append(nil))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		var r event.Record
		if r.Decode(encoded) != nil || !storable(&r) {
			return
		}
		primary := stringAttr(&r, event.KeyFingerprint)
		var out bytes.Buffer
		e := newEncoder(&out, parquet.NewBufferPool(), func(c *column) bool { return c.name == colFingerprint })
		require.NoError(t, e.add(row{primary, true, &r}))
		require.NoError(t, e.finish())
		data := out.Bytes()
		b, err := openSource(&source{size: int64(len(data)), parts: []part{{0, data}}})
		require.NoError(t, err)
		d := newDecoder(b, nil)
		hits, err := d.read([]run{{0, 1}})
		require.NoError(t, err)
		require.NoError(t, d.close())
		if !sameRecord(&r, &hits[0].Record) {
			t.Fatalf("want %+v\ngot  %+v", r, hits[0].Record)
		}
	})
}

// storable leaves out what no producer of ours makes: text that is not UTF-8, a key twice, JSON that is none, an epoch
// beyond 16 bits, a number that JSON has no text for.
func storable(r *event.Record) bool {
	seen := make(map[string]bool)
	ok := func(p string, attrs event.Attrs) bool {
		for _, a := range attrs {
			if seen[p+a.Key] || !validText(a) {
				return false
			}
			seen[p+a.Key] = true
		}
		return true
	}
	return ok("r", r.Resource) && ok("a", r.Attrs) && r.Scope.Epoch >= 0 && r.Scope.Epoch < 1<<16 &&
		r.Time > -1<<62 && r.Time < 1<<62 && r.Observed > -1<<62 && r.Observed < 1<<62
}
