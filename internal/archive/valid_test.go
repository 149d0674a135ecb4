package archive

import (
	"math"
	"unicode/utf8"

	"github.com/keytrail/keytrail/internal/event"
)

// validText reports whether the attribute is one that AppendJSON and ParseJSON give back.
func validText(a event.Attr) bool {
	for _, s := range append(a.Value.Strings(), a.Key, a.Value.Str()) {
		if !utf8.ValidString(s) {
			return false
		}
	}
	switch a.Value.Kind() {
	case event.KindDouble:
		f := a.Value.Double()
		return !math.IsNaN(f) && !math.IsInf(f, 0)
	case event.KindJSON:
		return event.ParseJSON(a.Value.Str()).Equal(a.Value)
	}
	return true
}
