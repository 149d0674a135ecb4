package tokenownerprocessor

import (
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/keytrail/keytrail/internal/secret"
)

// Limits of one record or span.
const (
	// maxDepth is how deep values may nest: four times the deepest log body we have seen, shallow enough for the
	// stack. A value below it is removed and counted.
	maxDepth = 32
	// maxValues is how many values one record may hold, counting each nested one: twice what an SDK lets a span
	// carry in attributes, events and links. A record with more is cut to its skeleton and counted.
	maxValues = 1 << 16

	tooDeep = "[REDACTED:depth]"
)

// walker takes every string of one record to its pass, twice: all of them are searched before the first is scrubbed,
// because a credential found in one field may be repeated in another.
type walker struct {
	pass  *secret.Pass
	tally *tally
	left  int // values that may still be searched
}

func newWalker(p *secret.Pass, t *tally) walker { return walker{pass: p, tally: t, left: maxValues} }

// overrun reports that the record holds more than the walk takes.
func (w *walker) overrun() bool { return w.left < 0 }

func (w *walker) lookMap(prefix string, m pcommon.Map, depth int) {
	for k, v := range m.All() {
		w.lookValue(prefix+k, v, depth)
		if w.overrun() {
			return
		}
	}
}

func (w *walker) lookValue(key string, v pcommon.Value, depth int) {
	if w.left--; w.overrun() {
		return
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		w.pass.Look(key, v.Str())
	case pcommon.ValueTypeBytes:
		w.pass.Look(key, string(v.Bytes().AsRaw()))
	case pcommon.ValueTypeInt, pcommon.ValueTypeDouble:
		if text := numberText(key, v); text != "" {
			w.pass.Look(key, text)
		}
	case pcommon.ValueTypeMap:
		if depth < maxDepth {
			w.lookMap(key+".", v.Map(), depth+1)
		}
	case pcommon.ValueTypeSlice:
		if depth < maxDepth {
			w.lookSlice(key, v.Slice(), depth+1)
		}
	}
}

func (w *walker) lookSlice(key string, s pcommon.Slice, depth int) {
	for _, v := range s.All() {
		w.lookValue(key, v, depth)
		if w.overrun() {
			return
		}
	}
}

// scrubMap scrubs the values of m in place and, where a key itself is a credential, renames it.
func (w *walker) scrubMap(prefix string, m pcommon.Map, depth int, at place) {
	rename := false
	for k, v := range m.All() {
		if _, changed := w.pass.ScrubKey(k); changed {
			rename = true
		}
		w.scrubValue(prefix+k, v, depth, at)
	}
	if rename {
		w.scrubKeys(m)
	}
}

func (w *walker) scrubValue(key string, v pcommon.Value, depth int, at place) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		if s, changed := w.pass.Scrub(key, v.Str()); changed {
			v.SetStr(s)
			w.tally.redacted[at]++
		}
	case pcommon.ValueTypeBytes:
		if b, changed := w.pass.ScrubBytes(v.Bytes().AsRaw()); changed {
			v.SetEmptyBytes().FromRaw(b)
			w.tally.redacted[placeBytes]++
		}
	case pcommon.ValueTypeInt, pcommon.ValueTypeDouble:
		w.scrubNumber(key, v, at)
	case pcommon.ValueTypeMap:
		if w.reaches(v, depth) {
			w.scrubMap(key+".", v.Map(), depth+1, at)
		}
	case pcommon.ValueTypeSlice:
		if w.reaches(v, depth) {
			for _, e := range v.Slice().All() {
				w.scrubValue(key, e, depth+1, at)
			}
		}
	}
}

// reaches reports whether what v holds may still be walked; if not, v is removed.
func (w *walker) reaches(v pcommon.Value, depth int) bool {
	if depth < maxDepth {
		return true
	}
	v.SetStr(tooDeep)
	w.tally.removed++
	return false
}

// scrubNumber scrubs a number as its text: a pin under `password` is a secret whatever its type.
func (w *walker) scrubNumber(key string, v pcommon.Value, at place) {
	text := numberText(key, v)
	if text == "" {
		return
	}
	if s, changed := w.pass.Scrub(key, text); changed {
		v.SetStr(s)
		w.tally.redacted[at]++
	}
}

// numberText renders a number unless its key promises one.
func numberText(key string, v pcommon.Value) string {
	if secret.Typed(key) {
		return ""
	}
	if v.Type() == pcommon.ValueTypeInt {
		return strconv.FormatInt(v.Int(), 10)
	}
	return strconv.FormatFloat(v.Double(), 'f', -1, 64)
}

// scrubKeys builds m again with scrubbed keys. Two keys that become one get a number, so that no value is lost.
func (w *walker) scrubKeys(m pcommon.Map) {
	clean := pcommon.NewMap()
	clean.EnsureCapacity(m.Len())
	for k, v := range m.All() {
		key, changed := w.pass.ScrubKey(k)
		if changed {
			w.tally.redacted[placeKey]++
		}
		v.MoveTo(clean.PutEmpty(freeKey(clean, key)))
	}
	clean.MoveTo(m)
}

func freeKey(m pcommon.Map, key string) string {
	if _, taken := m.Get(key); !taken {
		return key
	}
	for n := 2; ; n++ {
		numbered := key + "#" + strconv.Itoa(n)
		if _, taken := m.Get(numbered); !taken {
			return numbered
		}
	}
}

// text scrubs a string that is no attribute.
func (w *walker) text(key, s string, at place, set func(string)) {
	if t, changed := w.pass.Scrub(key, s); changed {
		set(t)
		w.tally.redacted[at]++
	}
}
