package gateway

import (
	"math"
	"strconv"
	"strings"

	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// textOf returns a string's or number's text, nothing for the dash that stands for nothing.
func textOf(n *jsondoc.Node) string {
	switch n.Kind {
	case jsondoc.String:
		if n.Text == "-" {
			return ""
		}
		return n.Text
	case jsondoc.Number:
		return n.Text
	}
	return ""
}

func intOf(n *jsondoc.Node) (int64, bool) { return parseInt(textOf(n)) }

// parseInt also takes 12.0, which some encoders make of 12.
func parseInt(s string) (int64, bool) {
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		return v, true
	}
	f, ok := parseFloat(s)
	if !ok || f != math.Trunc(f) || math.Abs(f) >= 1<<53 {
		return 0, false
	}
	return int64(f), true
}

func floatOf(n *jsondoc.Node) (float64, bool) { return parseFloat(textOf(n)) }

// parseFloat refuses what strconv takes beyond decimal numbers: NaN, Inf, hexadecimal, underscores.
func parseFloat(s string) (float64, bool) {
	if s == "" || len(s) > 32 || s[0] != '-' && s[0] != '.' && (s[0] < '0' || s[0] > '9') || strings.ContainsAny(s, "xXpP_nN") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

func sizeOf(n *jsondoc.Node) optional {
	v, ok := intOf(n)
	return optional{v, ok && v >= 0}
}

// durationOf reads a duration in a unit of so many to the second; a negative one, Kong's -1, means none.
func durationOf(n *jsondoc.Node, perSecond float64) seconds {
	f, ok := floatOf(n)
	return seconds{f / perSecond, ok && f >= 0}
}

// statusOf reads an HTTP status; anything but three digits is none.
func statusOf(s string) int64 {
	if len(s) != 3 || s[0] < '1' || s[0] > '9' {
		return 0
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil || v < 100 {
		return 0
	}
	return v
}

// attempts walks what nginx and Kong write of several upstream attempts: a, b : c.
func attempts(s string, visit func(string)) {
	for s != "" {
		i := strings.IndexAny(s, ",: ")
		if i < 0 {
			i = len(s)
		}
		if i > 0 {
			visit(s[:i])
		}
		s = strings.TrimLeft(s[i:], ",: ")
	}
}

// lastStatus is the status of the last upstream attempt that gave one.
func lastStatus(s string) (last int64) {
	if v := statusOf(s); v != 0 {
		return v
	}
	attempts(s, func(a string) {
		if v := statusOf(a); v != 0 {
			last = v
		}
	})
	return last
}

// sum adds the durations of several upstream attempts, in seconds.
func sum(s string) (total seconds) {
	attempts(s, func(a string) {
		if f, ok := parseFloat(a); ok && f >= 0 {
			total = seconds{total.s + f, true}
		}
	})
	return total
}
