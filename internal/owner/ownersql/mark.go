package ownersql

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/owner"
)

// counterOverlap is what DefaultOverlap is for a number that counts changes instead of time: transactions that took a
// number earlier and commit later.
const counterOverlap = 1000

// stamp is one value of updated_at: microseconds since 1970, or a number that grows.
type stamp struct {
	isTime bool
	n      int64
}

var errUpdated = errors.New("`updated_at` must be a time or an integer")

// stampOf reads a value of updated_at; ok is false for NULL.
func stampOf(v any) (s stamp, ok bool, err error) {
	switch v := v.(type) {
	case nil:
		return stamp{}, false, nil
	case time.Time:
		return stamp{true, v.UnixMicro()}, true, nil
	case int64:
		return stamp{n: v}, true, nil
	case string, []byte:
		return stampOfText(strings.TrimSpace(plain(v)))
	}
	return stamp{}, false, errUpdated
}

func stampOfText(s string) (stamp, bool, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return stamp{n: n}, true, nil
	}
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999",
		"2006-01-02 15:04:05.999999999", time.DateOnly,
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return stamp{true, t.UnixMicro()}, true, nil
		}
	}
	return stamp{}, false, errUpdated
}

// future reports whether the stamp lies after now. Such a row, of a clock that is wrong or a date that means "always",
// must not move the mark: everything until then would count as seen.
func (s stamp) future(now time.Time) bool {
	if s.isTime {
		return s.n > now.UnixMicro()
	}
	unit := epochUnit(float64(s.n))
	return unit != 0 && s.n > now.UnixNano()/int64(unit)
}

// before is the stamp set back by the overlap.
func (s stamp) before(overlap time.Duration) stamp {
	step := int64(counterOverlap)
	if s.isTime {
		step = overlap.Microseconds()
	} else if unit := epochUnit(float64(s.n)); unit != 0 {
		step = max(1, int64(overlap/unit))
	}
	if s.n < math.MinInt64+step {
		return s
	}
	s.n -= step
	return s
}

func (s stamp) time() time.Time { return time.UnixMicro(s.n).UTC() }

// mark is what an owner.Mark of this package holds: when everything was read, and the highest stamp since.
type mark struct {
	full time.Time
	high stamp
}

func (m mark) String() string {
	kind := 'n'
	if m.high.isTime {
		kind = 't'
	}
	return fmt.Sprintf("%d %c%d", m.full.Unix(), kind, m.high.n)
}

// readMark reports whether since is a mark of changes; anything else asks for everything.
func readMark(since owner.Mark) (mark, bool) {
	full, high, found := strings.Cut(string(since), " ")
	if !found || len(high) < 2 || high[0] != 'n' && high[0] != 't' {
		return mark{}, false
	}
	at, err := strconv.ParseInt(full, 10, 64)
	if err != nil {
		return mark{}, false
	}
	n, err := strconv.ParseInt(high[1:], 10, 64)
	return mark{time.Unix(at, 0), stamp{high[0] == 't', n}}, err == nil
}
