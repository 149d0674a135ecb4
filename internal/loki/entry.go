package loki

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// Entry is one event in one retention class, as Loki keeps it.
type Entry struct {
	Labels   Labels
	Time     int64 // Unix nanoseconds
	Line     string
	Metadata []Field // sorted by name, each name once
	Cut      int     // metadata that did not fit, or not whole
}

// Field is one piece of structured metadata.
type Field struct{ Name, Value string }

// Loki refuses an entry beyond these two (max_structured_metadata_entries_count, max_structured_metadata_size). What
// does not fit is left out here, counted in Entry.Cut and marked in the entry, so that the request itself stays visible.
const (
	maxFields     = 128
	maxFieldBytes = 64 << 10
)

// maxValueBytes bounds one value, so that a single header cannot push out the rest of its request.
const maxValueBytes = 8 << 10

// Metadata that has no attribute of its own in the event.
const (
	fieldTraceID   = "trace_id"
	fieldSpanID    = "span_id"
	fieldEventName = "event_name"
	fieldLevel     = "level" // what Loki and Grafana colour a line by
	fieldCut       = "keytrail_loki_cut"
	fieldService   = "service_name_full"
	fieldEnv       = "deployment_environment_full"
)

// reservedNames are taken before any attribute is named: an attribute of that name would hide them or a label.
var reservedNames = []string{
	LabelService, LabelEnvironment, LabelClass, LabelShard,
	fieldTraceID, fieldSpanID, fieldEventName, fieldLevel, fieldCut, fieldService, fieldEnv,
	"detected_level", // Loki's own
}

// unstable are attributes that tell of the moment a record was handled and not of the request: with them, a record
// that is sent twice would stand twice.
var unstable = map[string]bool{event.KeyOwnerAsOf: true}

// Encode makes the entry of a record. The record must be in the view of the class already: everything it has is sent.
func Encode(r *event.Record, class string) Entry {
	e := Entry{Labels: labelsOf(r, class), Time: r.Time, Line: Line(r)}
	b := newMetadata()
	b.own(fieldEventName, r.Name)
	b.own(fieldLevel, level(r))
	if r.TraceID != [16]byte{} {
		b.own(fieldTraceID, hex.EncodeToString(r.TraceID[:]))
	}
	if r.SpanID != [8]byte{} {
		b.own(fieldSpanID, hex.EncodeToString(r.SpanID[:]))
	}
	b.labelled(fieldService, e.Labels.Service, r.Resource.Str(event.KeyServiceName))
	b.labelled(fieldEnv, e.Labels.Environment, r.Resource.Str(event.KeyDeploymentEnv))
	for _, a := range ranked(r) {
		b.attribute(a.Key, a.Value.Text())
	}
	e.Metadata, e.Cut = b.finish()
	return e
}

// ranked lists the attributes that become metadata, what identifies the request first and what its caller wrote
// last: where not everything fits, it is the caller's part that goes, and where two keys have one name, ours wins.
func ranked(r *event.Record) event.Attrs {
	all := make(event.Attrs, 0, len(r.Resource)+len(r.Attrs))
	for _, group := range []event.Attrs{r.Resource, r.Attrs} {
		for _, a := range group {
			if a.Key == event.KeyServiceName || a.Key == event.KeyDeploymentEnv || unstable[a.Key] || a.Value.Kind() == event.KindEmpty {
				continue
			}
			all = append(all, a)
		}
	}
	// Resource stands before attributes under one key: the sort is stable.
	slices.SortStableFunc(all, func(a, b event.Attr) int {
		return cmp.Or(cmp.Compare(rank(a.Key), rank(b.Key)), cmp.Compare(a.Key, b.Key))
	})
	return all
}

func rank(key string) int {
	switch {
	case event.Reserved(key):
		return 0
	case event.Skeleton(key):
		return 1
	case strings.HasPrefix(key, event.PrefixRequestHeader), strings.HasPrefix(key, event.PrefixResponseHeader):
		return 3
	}
	return 2
}

// level is the severity of the design: by the answer for a request, by its own for an alert.
func level(r *event.Record) string {
	status := r.Attrs.Int(event.KeyStatus)
	switch {
	case r.Name == event.NameAnomaly:
		return alertLevel(r.Attrs.Str(event.KeyAlertSeverity))
	case status >= 500:
		return "error"
	case status >= 400:
		return "warn"
	}
	return "info"
}

func alertLevel(severity string) string {
	switch severity {
	case "high":
		return "error"
	case "medium":
		return "warn"
	}
	return "info"
}

// metadata collects fields within Loki's bounds.
type metadata struct {
	fields []Field
	bytes  int
	taken  map[string]bool
	cut    int
}

func newMetadata() *metadata {
	m := &metadata{taken: make(map[string]bool, 64)}
	for _, n := range reservedNames {
		m.taken[n] = true
	}
	return m
}

// cutReserve is room for the mark that says how much is missing.
const cutReserve = len(fieldCut) + 8

// own adds a field under one of the reserved names.
func (m *metadata) own(name, value string) {
	if value == "" {
		return
	}
	m.put(name, value)
}

// labelled adds the whole value of a label that had to be changed to fit.
func (m *metadata) labelled(name, label, whole string) {
	if whole != "" && whole != label {
		m.own(name, whole)
	}
}

func (m *metadata) attribute(key, value string) {
	m.put(m.name(key), value)
}

func (m *metadata) put(name, value string) {
	value, whole := clean(value)
	if !whole {
		m.cut++
	}
	if size := len(name) + len(value); len(m.fields) < maxFields-1 && m.bytes+size <= maxFieldBytes-cutReserve {
		m.fields = append(m.fields, Field{name, value})
		m.bytes += size
		return
	}
	if whole {
		m.cut++
	}
}

// clean returns valid UTF-8 of bounded length, and whether nothing had to be left out.
func clean(value string) (string, bool) {
	value = strings.ToValidUTF8(value, "?")
	if len(value) <= maxValueBytes {
		return value, true
	}
	return strings.ToValidUTF8(value[:maxValueBytes], ""), false
}

// name gives a key the form of a Loki label, each form once: of two keys with one form the second gets a number.
func (m *metadata) name(key string) string {
	base := Name(key)
	name := base
	for i := 2; m.taken[name]; i++ {
		name = base + "_" + strconv.Itoa(i)
	}
	m.taken[name] = true
	return name
}

func (m *metadata) finish() ([]Field, int) {
	if m.cut > 0 {
		m.fields = append(m.fields, Field{fieldCut, strconv.Itoa(m.cut)})
	}
	slices.SortFunc(m.fields, func(a, b Field) int { return cmp.Compare(a.Name, b.Name) })
	return m.fields, m.cut
}
