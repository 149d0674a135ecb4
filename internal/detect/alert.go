package detect

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/keytrail/keytrail/internal/event"
)

// State of an alert event; the events of one alert share its ID.
type State string

// An alert starts once, may be updated, and ends once.
const (
	Start  State = "start"
	Update State = "update"
	End    State = "end"
)

// Alert is one event in the life of an alert.
type Alert struct {
	ID          string
	State       State
	Sequence    int // 0 for the start
	Detector    Detector
	Severity    Severity
	Reasons     []string
	Observed    float64
	Baseline    float64
	Count       int64  // requests that belong to the alert so far
	Explanation string // one sentence; attacker text in it is quoted and cut
	Next        string // the next command to type
	Start, End  time.Time
	At          time.Time // event time of this state
	Subject     Subject
}

// Subject is whom an alert is about and what it was seen on, as the event that caused it says.
type Subject struct {
	Fingerprint string
	Attrs       event.Attrs // identity, owner, route and client keys, copied
	Resource    event.Attrs
	Scope       event.Scope
	TraceID     [16]byte
	SpanID      [8]byte
}

// severityNumber maps to OpenTelemetry's INFO, WARN and ERROR.
var severityNumber = [SeverityCount]int32{Low: 9, Medium: 13, High: 17}

// Record gives the alert as an event. arrival is when it was raised.
func (a *Alert) Record(arrival time.Time) event.Record {
	r := event.Record{
		Time: a.At.UnixNano(), Observed: arrival.UnixNano(), Name: event.NameAnomaly, Severity: severityNumber[a.Severity],
		TraceID: a.Subject.TraceID, SpanID: a.Subject.SpanID, Scope: a.Subject.Scope, Resource: a.Subject.Resource.Clone(),
	}
	r.Attrs = make(event.Attrs, 0, len(a.Subject.Attrs)+14)
	r.Attrs.Add(event.KeyEventID, event.String(hashText("alert event", a.ID, string(a.State), strconv.Itoa(a.Sequence))))
	r.Attrs.Add(event.KeyRedaction, event.String(event.RedactionDone))
	r.Attrs = append(r.Attrs, a.Subject.Attrs.Clone()...)
	r.Attrs.Add(event.KeyAlertID, event.String(a.ID))
	r.Attrs.Add(event.KeyAlertState, event.String(string(a.State)))
	r.Attrs.Add(event.KeyAlertDetector, event.String(a.Detector.String()))
	r.Attrs.Add(event.KeyAlertSeverity, event.String(a.Severity.String()))
	r.Attrs.Add(event.KeyAlertReasons, event.Strings(append([]string(nil), a.Reasons...)))
	r.Attrs.Add(event.KeyAlertObserved, event.Double(a.Observed))
	r.Attrs.Add(event.KeyAlertBaseline, event.Double(a.Baseline))
	r.Attrs.Add(event.KeyAlertCount, event.Int(a.Count))
	r.Attrs.Add(event.KeyAlertExplanation, event.String(a.Explanation))
	if a.Next != "" {
		r.Attrs.Add(event.KeyAlertNext, event.String(a.Next))
	}
	r.Attrs.Add(event.KeyAlertStart, event.String(a.Start.UTC().Format(time.RFC3339)))
	if !a.End.IsZero() {
		r.Attrs.Add(event.KeyAlertEnd, event.String(a.End.UTC().Format(time.RFC3339)))
	}
	return r
}

// nextCommand is what shows the trail around the start of an alert.
func nextCommand(fingerprint string, start time.Time) string {
	if fingerprint == "" {
		return ""
	}
	// Ten minutes earlier shows what led to it.
	return fmt.Sprintf("keytrail trail --fingerprint %s --since %s", fingerprint, start.Add(-10*time.Minute).UTC().Format(time.RFC3339))
}

func hashText(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// maxQuoted bounds attacker text in a sentence, in characters after quoting.
const maxQuoted = 120

// quote renders text that a caller chose so that it can neither break a line nor pass for our own words.
func quote(s string) string {
	q := strconv.QuoteToASCII(s[:min(len(s), 4*maxQuoted)])
	if len(q) > maxQuoted {
		return q[:maxQuoted-4] + `..."`
	}
	return q
}
