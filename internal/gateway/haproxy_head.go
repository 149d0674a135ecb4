package gateway

import (
	"net/netip"
	"strings"
	"time"
)

const haproxyTimeLen = len("23/Nov/2026:16:25:50.808")

// haproxyHead returns where the client's address and port stand before the date, which no other format writes with
// milliseconds and without a zone; -1 where they do not.
func haproxyHead(s string) int {
	for from := 0; ; {
		i := strings.Index(s[from:], " [")
		if i < 0 {
			return -1
		}
		i += from
		from = i + 2
		end := from + haproxyTimeLen
		if end+1 >= len(s) || s[end] != ']' || s[end+1] != ' ' || s[end-4] != '.' || s[from+2] != '/' || s[from+11] != ':' {
			continue
		}
		start := strings.LastIndexByte(s[:i], ' ') + 1
		// The address of an IPv6 client stands without brackets, that of a Unix socket is unix:<id>.
		host := s[start:i]
		host = host[:max(strings.LastIndexByte(host, ':'), 0)]
		if _, err := netip.ParseAddr(host); err == nil || host == "unix" {
			return start
		}
		return -1
	}
}

// isHAProxyLine does not believe a line that begins as Apache's do, with an address and the dash of identd: what
// follows there may be a caller's user name.
func isHAProxyLine(s string) bool {
	first, rest, _ := strings.Cut(s, " ")
	if strings.HasPrefix(rest, "- ") {
		return false
	}
	return haproxyHead(s) >= 0 || strings.HasPrefix(first, "haproxy[") && strings.HasPrefix(rest, "{")
}

// parseHAProxyTime reads %tr, which is local time without a zone, as UTC.
func parseHAProxyTime(s string) time.Time {
	t, err := time.Parse("02/Jan/2006:15:04:05.000", s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// placeHAProxyTime finds the zone that HAProxy does not write: whoever carried the line knows when it was written,
// which is when the request was over. Zones lie on quarters of an hour.
func (d *draft) placeHAProxyTime() {
	if d.outer.time.IsZero() || d.start.IsZero() {
		return
	}
	over := d.start
	if d.duration.ok && d.duration.s < maxBelievedDuration {
		over = over.Add(time.Duration(d.duration.s * float64(time.Second)))
	}
	zone := over.Sub(d.outer.time).Round(15 * time.Minute)
	if zone.Abs() <= maxZone {
		d.start = d.start.Add(-zone)
	}
}

// maxZone is the farthest zone from UTC there is, Kiribati's. What is farther off was carried late.
const maxZone = 14 * time.Hour
