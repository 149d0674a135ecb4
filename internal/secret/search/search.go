// Package search is the seam between the redaction floor and whoever finds more in a text than the floor knows.
//
// It holds no credential and knows no rule: a Searcher says where in a text something stands that must not be kept, and
// the floor cuts it out, on every layer of encoding that it takes off.
package search

// Match is one finding: text[Start:End] is to be removed.
type Match struct {
	Start, End int
	// Rule names what was found. It is of a closed set, because it becomes a label and is shown in place of the text:
	// see ValidRule.
	Rule string
	// Credential says that the text is a token by itself, so that the record joins the token's trail.
	Credential bool
	// With is put in place of the text instead of [REDACTED:<rule>]. The Searcher must not find it again.
	With string
}

// Searcher finds what rule sets describe. It must be safe for concurrent use and linear in the length of the text.
type Searcher interface {
	// Search appends what it finds in text, in any order. The text stands under key, which is empty where no key tells
	// anything about it.
	Search(key, text string, dst []Match) []Match
}

// KeyReader is a Searcher that tells beforehand whether a key matters to it. Where it does not, Search is given none.
type KeyReader interface {
	ReadsKey(key string) bool
}

// Join makes one Searcher of several. Nils are left out; without any the result is nil.
func Join(list ...Searcher) Searcher {
	var all joined
	for _, s := range list {
		switch s := s.(type) {
		case nil:
		case joined:
			all = append(all, s...)
		default:
			all = append(all, s)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

type joined []Searcher

func (j joined) Search(key, text string, dst []Match) []Match {
	for _, s := range j {
		dst = s.Search(key, text, dst)
	}
	return dst
}

func (j joined) ReadsKey(key string) bool {
	for _, s := range j {
		if ReadsKey(s, key) {
			return true
		}
	}
	return false
}

// ReadsKey asks s whether key matters to it; one that does not say is given every key.
func ReadsKey(s Searcher, key string) bool {
	if r, ok := s.(KeyReader); ok {
		return r.ReadsKey(key)
	}
	return true
}

const (
	// LongestRule bounds a rule's name inside a replacement that is believed to be one: more would be a place to hide a
	// secret in. The longest name of the default rules has 43 letters.
	LongestRule = 48
	// maxDigits bounds the figures in a rule's name, for the same reason: a digest or a key has more.
	maxDigits = 4
	// shortRule is how long a name without a hyphen may be that has more of them.
	shortRule = 32
)

// ValidRule reports whether name can stand in a replacement: lower letters, digits, hyphens and underscores.
func ValidRule(name string) bool {
	if name == "" || len(name) > LongestRule {
		return false
	}
	figures, hyphens := 0, 0
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', c == '_':
		case '0' <= c && c <= '9':
			figures++
		case c == '-':
			hyphens++
		default:
			return false
		}
	}
	return figures <= maxDigits || hyphens == 0 && len(name) <= shortRule
}
