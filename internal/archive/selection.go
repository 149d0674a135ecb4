package archive

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/keytrail/keytrail/internal/event"
)

// Selection says which events a search wants. Values of one field are alternatives; the fields that are set must all
// match. A zero Selection is every event.
type Selection struct {
	// Fingerprints in text form (kt1_…), or a prefix of one with at least 8 hexadecimal digits, with or without the
	// kind and epoch in front.
	Fingerprints []string
	Owner        []string // token.owner.id; classes that keep a pseudonym are searched by it
	Principal    []string
	TraceID      []string // lower-case hexadecimal
	RequestID    []string
	CredentialID []string
	JWTID        []string
	Since, Until time.Time // Since ≤ time < Until; zero is open
	Names        []string  // event names; empty is all
	Primary      bool      // one row an event: skip the rows of an event's further fingerprints
	Keys         []string  // the attributes to read; empty is all
	Now          time.Time // what has ended by then is not shown; zero is the clock
}

var fingerprintForm = regexp.MustCompile(`^(k[tcp][0-9]{1,5}_)?[0-9a-f]{8,32}$`)

// fingerprintDigits is how many hexadecimal digits a whole fingerprint has.
const fingerprintDigits = 32

func (s *Selection) validate() error {
	for _, f := range s.Fingerprints {
		if !fingerprintForm.MatchString(f) {
			// Not the value: whoever mistakes a token for a fingerprint must not find it in a log.
			return fmt.Errorf("fingerprint must be kt<epoch>_<hex>, or at least 8 digits of one, found %d other bytes", len(f))
		}
	}
	if !s.Since.IsZero() && !s.Until.IsZero() && !s.Since.Before(s.Until) {
		return fmt.Errorf("since must lie before until, found %s and %s",
			s.Since.Format(time.RFC3339), s.Until.Format(time.RFC3339))
	}
	return nil
}

// needle is one selector as a block is searched for it: a column must hold one of the values, or begin with one of the
// prefixes.
type needle struct {
	column   string
	key      string // as a class's field list names it
	exact    []string
	prefixes []string
	digits   []string // of a fingerprint of any kind and epoch: only for needleOf
}

// needles returns the selectors that look for text in a column, the most selective first.
func (s *Selection) needles(f *File, v *view, pseudonyms []string) []needle {
	var out []needle
	if len(s.Fingerprints) > 0 {
		out = append(out, s.fingerprintNeedle(f))
	}
	add := func(column, key string, values []string) {
		if len(values) > 0 {
			out = append(out, needle{column: column, key: key, exact: values})
		}
	}
	add(colTraceID, fieldTraceID, s.TraceID)
	add(columnName(event.KeyRequestID), event.KeyRequestID, s.RequestID)
	add(columnName(event.KeyJWTID), event.KeyJWTID, s.JWTID)
	add(columnName(event.KeyCredentialID), event.KeyCredentialID, s.CredentialID)
	add(columnName(event.KeyPrincipal), event.KeyPrincipal, s.Principal)
	if len(s.Owner) > 0 && v.class.Owner == OwnerPseudonym {
		out = append(out, needle{
			column: columnName(event.KeyOwnerPseudonym), key: event.KeyOwnerPseudonym, exact: pseudonyms})
	} else {
		add(columnName(event.KeyOwnerID), event.KeyOwnerID, s.Owner)
	}
	return out
}

// fingerprintNeedle spells out digits without a kind and epoch for each kind and epoch the block has.
func (s *Selection) fingerprintNeedle(f *File) needle {
	n := needle{column: colFingerprint, key: event.KeyFingerprint}
	add := func(head, digits string) {
		if len(digits) == fingerprintDigits {
			n.exact = append(n.exact, head+"_"+digits)
		} else {
			n.prefixes = append(n.prefixes, head+"_"+digits)
		}
	}
	for _, fp := range s.Fingerprints {
		if head, digits, ok := strings.Cut(fp, "_"); ok {
			add(head, digits)
			continue
		}
		for _, head := range f.Heads {
			add(head, fp)
		}
	}
	return n
}

// mayMatch rules a file out by what the commit and the bloom filter say.
func (n *needle) mayMatch(f *File, src *source) (bool, error) {
	if n.ruledOut(f) {
		return false, nil
	}
	if len(n.prefixes) > 0 {
		return true, nil
	}
	for _, v := range n.exact {
		if ok, err := f.mayHold(src, n.column, v); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// ruledOut is what the commit alone says: the block's fingerprints lie elsewhere, or none of its rows has a value.
func (n *needle) ruledOut(f *File) bool {
	if n.column == colFingerprint && !n.inBounds(f.MinFingerprint, f.MaxFingerprint) {
		return true
	}
	_, any := f.Blooms[n.column]
	return !any
}

func (n *needle) inBounds(lo, hi string) bool {
	return slices.ContainsFunc(n.exact, func(v string) bool { return lo <= v && v <= hi }) ||
		slices.ContainsFunc(n.prefixes, func(p string) bool { return lo <= p+"\xff" && p <= hi })
}

// needleOf looks for fingerprints as a selection gives them, in a text that says its kind and epoch.
func needleOf(fps []string) needle {
	var n needle
	for _, fp := range fps {
		head, digits, ok := strings.Cut(fp, "_")
		switch {
		case !ok:
			n.digits = append(n.digits, fp)
		case len(digits) == fingerprintDigits:
			n.exact = append(n.exact, head+"_"+digits)
		default:
			n.prefixes = append(n.prefixes, fp)
		}
	}
	return n
}

func (n *needle) matches(text string) bool {
	_, digits, _ := strings.Cut(text, "_")
	return slices.Contains(n.exact, text) ||
		slices.ContainsFunc(n.prefixes, func(p string) bool { return strings.HasPrefix(text, p) }) ||
		slices.ContainsFunc(n.digits, func(d string) bool { return digits != "" && strings.HasPrefix(digits, d) })
}

func (n *needle) condition() condition {
	exact := make([][]byte, len(n.exact))
	for i, v := range n.exact {
		exact[i] = []byte(v)
	}
	prefixes := make([][]byte, len(n.prefixes))
	for i, v := range n.prefixes {
		prefixes[i] = []byte(v)
	}
	return condition{
		column: n.column,
		match: func(v parquet.Value) bool {
			if v.IsNull() {
				return false
			}
			b := v.ByteArray()
			return slices.ContainsFunc(exact, func(e []byte) bool { return bytes.Equal(b, e) }) ||
				slices.ContainsFunc(prefixes, func(p []byte) bool { return bytes.HasPrefix(b, p) })
		},
		within: func(lo, hi parquet.Value) bool { return n.inBounds(string(lo.ByteArray()), string(hi.ByteArray())) },
	}
}

// conditions are the rest of the selection: what every block of the period has.
func (s *Selection) conditions(f *File) []condition {
	var cs []condition
	if len(s.Names) > 0 && !s.allNamed(f) {
		n := needle{column: colName, exact: s.Names}
		cs = append(cs, n.condition())
	}
	if s.Primary && f.Events < f.Rows {
		cs = append(cs, condition{
			column: colPrimary,
			match:  func(v parquet.Value) bool { return v.Boolean() },
			within: func(_, hi parquet.Value) bool { return hi.Boolean() },
		})
	}
	lo, hi := s.bounds()
	if f.MinTime.UnixNano() < lo || f.MaxTime.UnixNano() > hi {
		lo, hi = floorDiv(lo, 1000), floorDiv(hi, 1000)
		cs = append(cs, condition{
			column: colTime,
			match:  func(v parquet.Value) bool { return lo <= v.Int64() && v.Int64() <= hi },
			within: func(a, b parquet.Value) bool { return lo <= b.Int64() && a.Int64() <= hi },
		})
	}
	return cs
}

// bounds returns the first and the last nanosecond of the period.
func (s *Selection) bounds() (lo, hi int64) {
	lo, hi = -1<<63, 1<<63-1
	if !s.Since.IsZero() {
		lo = s.Since.UnixNano()
	}
	if !s.Until.IsZero() {
		hi = s.Until.UnixNano() - 1
	}
	return lo, hi
}

func (s *Selection) contains(time int64) bool {
	lo, hi := s.bounds()
	return lo <= time && time <= hi
}

// overlaps reports whether a block can hold rows of the period and the wanted names.
func (s *Selection) overlaps(f *File) bool {
	lo, hi := s.bounds()
	if f.MaxTime.UnixNano() < lo || f.MinTime.UnixNano() > hi {
		return false
	}
	return len(s.Names) == 0 || slices.ContainsFunc(s.Names, func(n string) bool { return f.Names[n] > 0 })
}

func (s *Selection) allNamed(f *File) bool {
	var named int64
	for _, n := range s.Names {
		named += f.Names[n]
	}
	return named == f.Rows
}

func (s *Selection) wanted() map[string]bool {
	if len(s.Keys) == 0 {
		return nil
	}
	m := keySet(s.Keys...)
	if m[event.KeyOwnerID] {
		m[event.KeyOwnerPseudonym] = true // the owner is looked up by it
	}
	return m
}
