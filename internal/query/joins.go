package query

import "github.com/keytrail/keytrail/internal/event"

// joins leads from a fingerprint to the one of the next epoch, as events stamped with both say: the two are one token.
type joins map[string]string

// maxJoins is how many epochs one token is followed through: more rotations than any retention spans, and a bound
// should two fingerprints ever lead to each other.
const maxJoins = 64

func (j joins) learn(r *event.Record) {
	now, before := r.Attrs.Str(event.KeyFingerprint), r.Attrs.Str(event.KeyFingerprintPrev)
	if before != "" && before != now {
		j[before] = now
	}
}

func (j joins) newest(fp string) string {
	for range maxJoins {
		next, ok := j[fp]
		if !ok {
			break
		}
		fp = next
	}
	return fp
}
