package archive

import "time"

// eventDay is a UTC day, counted from 1970-01-01.
type eventDay int64

const dayLayout = "2006-01-02"

// dayOf returns the day of a time in Unix nanoseconds.
func dayOf(nanos int64) eventDay { return eventDay(floorDiv(nanos, int64(day))) }

func (d eventDay) start() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

func (d eventDay) String() string { return d.start().Format(dayLayout) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
