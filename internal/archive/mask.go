package archive

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/keytrail/keytrail/internal/event"
)

const alertPrefix = "keytrail.alert."

// swap is a text and what stands for it.
type swap struct{ old, with string }

// maskAlert takes the person out of the sentences of an alert, which name owner and address where they are known.
func (v *view) maskAlert(r *event.Record, alias string) {
	if r.Name != event.NameAnomaly {
		return
	}
	swaps := v.swaps(r, alias)
	for i := range r.Attrs {
		if a := &r.Attrs[i]; strings.HasPrefix(a.Key, alertPrefix) {
			a.Value = maskValue(a.Value, swaps)
		}
	}
}

func (v *view) swaps(r *event.Record, alias string) []swap {
	var swaps []swap
	if v.class.Owner != OwnerKeep {
		for _, k := range []string{event.KeyOwnerID, event.KeyOwnerName, event.KeyOwnerContact, event.KeyUserName} {
			swaps = append(swaps, swap{r.Attrs.Str(k), orDefault(alias, "the owner")})
		}
	}
	if v.class.ClientAddress != AddressKeep {
		for _, k := range []string{event.KeyClientAddress, event.KeyPeerAddress} {
			a := r.Attrs.Str(k)
			swaps = append(swaps, swap{a, orDefault(event.Network(a), "an address")})
		}
	}
	return swaps
}

func maskValue(v event.Value, swaps []swap) event.Value {
	switch v.Kind() {
	case event.KindString:
		return event.String(maskText(v.Str(), swaps))
	case event.KindJSON:
		return event.JSON(maskText(v.Str(), swaps))
	case event.KindStrings:
		l := slices.Clone(v.Strings())
		for i := range l {
			l[i] = maskText(l[i], swaps)
		}
		return event.Strings(l)
	}
	return v
}

func maskText(s string, swaps []swap) string {
	for _, w := range swaps {
		s = w.apply(s)
	}
	return s
}

// apply replaces old where it stands as a word of its own: an owner called "ci" does not tear up "specific".
func (w swap) apply(s string) string {
	if w.old == "" || !strings.Contains(s, w.old) {
		return s
	}
	var b strings.Builder
	for from := 0; ; {
		i := strings.Index(s[from:], w.old)
		if i < 0 {
			b.WriteString(s[from:])
			return b.String()
		}
		i += from
		end := i + len(w.old)
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		after, _ := utf8.DecodeRuneInString(s[end:])
		b.WriteString(s[from:i])
		if wordRune(before) || wordRune(after) {
			b.WriteString(w.old)
		} else {
			b.WriteString(w.with)
		}
		from = end
	}
}

func wordRune(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
