package gateway

import (
	"strconv"
	"strings"
	"time"
)

const clfTime = "02/Jan/2006:15:04:05 -0700"

// timeLayouts are the ways of writing a time that gateways use beside RFC 3339 and a number.
var timeLayouts = []string{
	clfTime,
	"2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999 -0700",
	"2006-01-02 15:04:05.999999999 MST",
	"2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04:05.999999999",
	time.RFC1123Z,
	time.RFC1123,
}

// parseTime reads a time as a gateway writes it; without a zone it is UTC. Zero means that it is no time.
func parseTime(s string) time.Time {
	s = strings.Trim(s, "[] ")
	if len(s) < 8 || len(s) > 40 {
		return time.Time{}
	}
	if t := parseEpoch(s); !t.IsZero() {
		return t
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UTC()
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// parseMillis reads milliseconds since 1970, of a gateway that writes no other unit: a lying 1 is then a time in 1970,
// which the caller bounds and keeps as claimed. What is no whole number may still be a time of another form.
func parseMillis(s string) time.Time {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 {
		return time.UnixMilli(n).UTC()
	}
	return parseTime(s)
}

// parseEpoch reads a number since 1970. The unit follows from its size: seconds, milliseconds, microseconds or
// nanoseconds of the years 1973 to 5138 do not overlap. The fraction is read as digits, since a float64 does not
// hold nanoseconds.
func parseEpoch(s string) time.Time {
	if strings.ContainsAny(s, "eE") {
		return parseScientific(s)
	}
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}
	}
	unit := int64(time.Second)
	switch {
	case n >= 1e17:
		unit = 1
	case n >= 1e14:
		unit = int64(time.Microsecond)
	case n >= 1e11:
		unit = int64(time.Millisecond)
	}
	perSecond := int64(time.Second) / unit
	nanos := n % perSecond * unit
	part := unit / 10
	for i := 0; i < len(fraction) && part > 0; i++ {
		if fraction[i] < '0' || fraction[i] > '9' {
			return time.Time{}
		}
		nanos += int64(fraction[i]-'0') * part
		part /= 10
	}
	return time.Unix(n/perSecond, nanos).UTC()
}

// parseScientific reads 1.7e9, as some JSON encoders write large numbers.
func parseScientific(s string) time.Time {
	f, ok := parseFloat(s)
	if !ok || f < 1e8 || f >= 9e18 {
		return time.Time{}
	}
	return parseEpoch(strconv.FormatInt(int64(f), 10))
}
