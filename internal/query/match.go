package query

import (
	"encoding/hex"
	"iter"
	"slices"
	"strings"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/event"
)

// journalRank is above that of every class: the journal holds the whole event.
const journalRank = 1 << 30

// matcher decides for a record in memory what archive.Search decides for rows of a block.
type matcher struct{ sel archive.Selection }

func newMatcher(sel archive.Selection) matcher { return matcher{sel} }

// hits yields the rows that r would become and that match.
func (m matcher) hits(r *event.Record) iter.Seq[archive.Hit] {
	return func(yield func(archive.Hit) bool) {
		if !m.record(r) {
			return
		}
		fps := Fingerprints(r)
		m.project(r)
		for i, fp := range fps {
			if i > 0 && m.sel.Primary {
				return
			}
			if len(m.sel.Fingerprints) > 0 && !matchesFingerprint(fp, m.sel.Fingerprints) {
				continue
			}
			if !yield(archive.Hit{Record: *r, Fingerprint: fp, Primary: i == 0, Rank: journalRank}) {
				return
			}
		}
	}
}

func (m matcher) record(r *event.Record) bool {
	s := m.sel
	switch {
	case !s.Since.IsZero() && r.Time < s.Since.UnixNano(), !s.Until.IsZero() && r.Time >= s.Until.UnixNano():
		return false
	case len(s.Names) > 0 && !slices.Contains(s.Names, r.Name):
		return false
	}
	return oneOf(s.Owner, r.Attrs.Str(event.KeyOwnerID)) &&
		oneOf(s.Principal, r.Attrs.Str(event.KeyPrincipal), r.Attrs.Str(event.KeyPrincipalPrev)) &&
		oneOf(s.TraceID, hex.EncodeToString(r.TraceID[:])) &&
		oneOf(s.RequestID, r.Attrs.Str(event.KeyRequestID)) &&
		oneOf(s.CredentialID, r.Attrs.Str(event.KeyCredentialID)) &&
		oneOf(s.JWTID, r.Attrs.Str(event.KeyJWTID))
}

// project drops what was not asked for, as reading only some columns of a block does.
func (m matcher) project(r *event.Record) {
	if len(m.sel.Keys) == 0 {
		return
	}
	r.Attrs.Delete(func(key string, _ event.Value) bool { return !slices.Contains(m.sel.Keys, key) })
}

func oneOf(wanted []string, have ...string) bool {
	if len(wanted) == 0 {
		return true
	}
	return slices.ContainsFunc(have, func(h string) bool { return h != "" && slices.Contains(wanted, h) })
}

// Fingerprints returns every fingerprint an event stands under, the primary first; an event without a token stands
// under the empty one.
func Fingerprints(r *event.Record) []string {
	out := []string{r.Attrs.Str(event.KeyFingerprint)}
	if others, ok := r.Attrs.Get(event.KeyOthers); ok {
		for _, o := range others.Strings() {
			fp, _, _ := strings.Cut(o, " ")
			if fp != "" && !slices.Contains(out, fp) {
				out = append(out, fp)
			}
		}
	}
	return out
}

// matchesFingerprint takes a whole text form, a prefix of one, or bare hexadecimal digits of any kind and epoch.
func matchesFingerprint(fp string, wanted []string) bool {
	_, digits, _ := strings.Cut(fp, "_")
	return slices.ContainsFunc(wanted, func(w string) bool {
		return fp != "" && (strings.HasPrefix(fp, w) || strings.HasPrefix(digits, w))
	})
}
