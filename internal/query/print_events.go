package query

import (
	"bufio"
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/event"
)

// PrintEvents renders events: a table joins the views of one request, JSON and CSV never do.
func PrintEvents(w io.Writer, o Output, events []Event) error {
	switch o {
	case JSON:
		return eventsJSON(w, events)
	case CSV:
		return eventsCSV(w, events)
	}
	return eventsTable(w, events)
}

func eventsTable(w io.Writer, events []Event) error {
	cols := []column{
		{name: "TIME"}, {name: "METHOD", limit: 8}, {name: "ROUTE", limit: 44}, {name: "STATUS", right: true}, {name: "REFUSED BY", limit: 24},
		{name: "CLIENT", limit: 24}, {name: "AGENT", limit: 22}, {name: "TOOK", right: true}, {name: "OWNER", limit: 20}, {name: "VIEWS", right: true},
	}
	rows := make([][]string, 0, len(events))
	for _, q := range Requests(events) {
		rows = append(rows, requestRow(q))
	}
	return writeTable(w, cols, rows)
}

func requestRow(q Request) []string {
	r := &q.Events[0].Record
	if r.Name == event.NameAnomaly {
		return []string{
			clock(r), "alert", r.Attrs.Str(event.KeyAlertDetector), r.Attrs.Str(event.KeyAlertState), r.Attrs.Str(event.KeyAlertSeverity),
			"", "", "", owner(r.Attrs), "1",
		}
	}
	return []string{
		clock(r), r.Attrs.Str(event.KeyMethod), cmp.Or(r.Attrs.Str(event.KeyPath), Route(r)), number(r.Attrs, event.KeyStatus),
		refusal(r.Attrs), r.Attrs.Str(event.KeyClientAddress), cmp.Or(r.Attrs.Str(event.KeyUserAgent), Agent(r)), took(r.Attrs), owner(r.Attrs),
		strconv.Itoa(len(q.Events)),
	}
}

func clock(r *event.Record) string { return at(r).Format("2006-01-02 15:04:05.000Z") }

func number(a event.Attrs, key string) string {
	if v, ok := a.Get(key); ok {
		return v.Text()
	}
	return "-"
}

func owner(a event.Attrs) string {
	return cmp.Or(a.Str(event.KeyOwnerName), a.Str(event.KeyOwnerID), a.Str(event.KeyOwnerPseudonym))
}

func refusal(a event.Attrs) string {
	reason := a.Str(event.KeyDenyReason)
	if reason == "" {
		return ""
	}
	return strings.TrimSpace(a.Str(event.KeyAnsweredBy) + " " + reason)
}

func took(a event.Attrs) string {
	v, ok := a.Get(event.KeyDuration)
	if !ok {
		return "-"
	}
	return time.Duration(v.Double() * float64(time.Second)).Round(100 * time.Microsecond).String()
}

// flat lists what JSON and CSV show of an event after its time: the record's own fields, its resource, then its
// attributes, each group by key.
func flat(r *event.Record) event.Attrs {
	out := event.Attrs{{Key: "event.name", Value: event.String(r.Name)}}
	if r.TraceID != [16]byte{} {
		out.Add("trace_id", event.String(hex.EncodeToString(r.TraceID[:])))
	}
	if r.SpanID != [8]byte{} {
		out.Add("span_id", event.String(hex.EncodeToString(r.SpanID[:])))
	}
	if r.Observed != 0 {
		out.Add("observed_time", event.String(time.Unix(0, r.Observed).UTC().Format(time.RFC3339Nano)))
	}
	for _, group := range []event.Attrs{r.Resource, r.Attrs} {
		group = slices.Clone(group)
		slices.SortFunc(group, func(a, b event.Attr) int { return cmp.Compare(a.Key, b.Key) })
		out = append(out, group...)
	}
	return out
}

func eventsJSON(w io.Writer, events []Event) error {
	b := bufio.NewWriter(w)
	var line []byte
	for i := range events {
		r := &events[i].Record
		line = append(line[:0], `{"time":"`...)
		line = at(r).AppendFormat(line, time.RFC3339Nano)
		line = append(line, '"')
		for _, a := range flat(r) {
			line = append(line, ',')
			line = event.String(a.Key).AppendJSON(line)
			line = append(line, ':')
			line = a.Value.AppendJSON(line)
		}
		line = append(line, "}\n"...)
		b.Write(line)
	}
	return b.Flush()
}

// eventsCSV has a column for each key that any of the events has.
func eventsCSV(w io.Writer, events []Event) error {
	columnOf := map[string]int{}
	head := []string{"time"}
	flats := make([]event.Attrs, len(events))
	for i := range events {
		flats[i] = flat(&events[i].Record)
		for _, a := range flats[i] {
			if _, ok := columnOf[a.Key]; !ok {
				columnOf[a.Key] = -1
				head = append(head, a.Key)
			}
		}
	}
	slices.Sort(head[1:])
	for i, k := range head[1:] {
		columnOf[k] = i + 1
	}
	rows := make([][]string, len(events))
	for i := range events {
		rows[i] = make([]string, len(head))
		rows[i][0] = at(&events[i].Record).Format(time.RFC3339Nano)
		for _, a := range flats[i] {
			rows[i][columnOf[a.Key]] = a.Value.Text()
		}
	}
	return writeCSV(w, head, rows)
}

// plural is "1 request", "2 requests".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
