package query

import (
	"cmp"
	"slices"
	"time"

	"github.com/keytrail/keytrail/internal/event"
)

// Alert is one alert, from the newest of its events.
type Alert struct {
	ID, State, Detector, Severity string
	Fingerprint, Owner, TokenName string
	Explanation, Next             string
	Reasons                       []string
	Count                         int64
	Start, End                    time.Time // End is zero while the alert is active
	Updated                       time.Time
}

// Active reports whether the alert has not ended.
func (a Alert) Active() bool { return a.State != "end" }

// NewAlerts merges alert events by alert id, oldest start first.
func NewAlerts(events []Event) []Alert {
	byID := map[string]*Alert{}
	for i := range events {
		r := &events[i].Record
		id := r.Attrs.Str(event.KeyAlertID)
		if r.Name != event.NameAnomaly || id == "" {
			continue
		}
		a := byID[id]
		if a == nil {
			a = &Alert{ID: id, Start: at(r)}
			byID[id] = a
		}
		a.take(r)
	}
	out := make([]Alert, 0, len(byID))
	for _, a := range byID {
		out = append(out, *a)
	}
	slices.SortFunc(out, func(a, b Alert) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID)) })
	return out
}

// stateOrder breaks the tie of two events of one instant.
var stateOrder = map[string]int{"start": 0, "update": 1, "end": 2}

func (a *Alert) take(r *event.Record) {
	t, state := at(r), r.Attrs.Str(event.KeyAlertState)
	a.Start = earlier(a.Start, began(r))
	if t.Before(a.Updated) || t.Equal(a.Updated) && stateOrder[state] < stateOrder[a.State] {
		return
	}
	a.Updated, a.State = t, state
	a.Detector, a.Severity = r.Attrs.Str(event.KeyAlertDetector), r.Attrs.Str(event.KeyAlertSeverity)
	a.Count = max(a.Count, r.Attrs.Int(event.KeyAlertCount))
	a.End = time.Time{}
	if state == "end" {
		a.End = t
	}
	keep := func(to *string, key string) {
		if v := r.Attrs.Str(key); v != "" {
			*to = v
		}
	}
	keep(&a.Fingerprint, event.KeyFingerprint)
	keep(&a.Owner, event.KeyOwnerID)
	keep(&a.TokenName, event.KeyTokenName)
	keep(&a.Explanation, event.KeyAlertExplanation)
	keep(&a.Next, event.KeyAlertNext)
	if reasons, ok := r.Attrs.Get(event.KeyAlertReasons); ok {
		a.Reasons = reasons.Strings()
	}
}

// began is when the alert started, which may be before the period that was searched.
func began(r *event.Record) time.Time {
	t := at(r)
	if start, err := time.Parse(time.RFC3339, r.Attrs.Str(event.KeyAlertStart)); err == nil {
		return earlier(t, start)
	}
	return t
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
