package query

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// PrintTokens renders the list of tokens.
func PrintTokens(w io.Writer, o Output, tokens []TokenLine) error {
	if o == JSON {
		return jsonLines(w, tokens, func(t TokenLine) any {
			return struct {
				Fingerprint string `json:"token.fingerprint"`
				Owner       string `json:"token.owner.id,omitempty"`
				OwnerName   string `json:"token.owner.name,omitempty"`
				Name        string `json:"token.name,omitempty"`
				State       string `json:"token.state,omitempty"`
				First       string `json:"first_seen"`
				Last        string `json:"last_seen"`
				Requests    int    `json:"requests"`
				Refused     int    `json:"refused"`
			}{t.Fingerprint, t.Owner, t.OwnerName, t.TokenName, t.State, stamp(t.First), stamp(t.Last), t.Requests, t.Refused}
		})
	}
	rows := make([][]string, 0, len(tokens))
	if o == CSV {
		for _, t := range tokens {
			rows = append(rows, []string{
				t.Fingerprint, t.Owner, t.OwnerName, t.TokenName, t.State, stamp(t.First), stamp(t.Last), strconv.Itoa(t.Requests), strconv.Itoa(t.Refused),
			})
		}
		return writeCSV(w, []string{
			"token.fingerprint", "token.owner.id", "token.owner.name", "token.name", "token.state", "first_seen", "last_seen", "requests", "refused",
		}, rows)
	}
	for _, t := range tokens {
		rows = append(rows, []string{
			t.Fingerprint, cmp.Or(t.OwnerName, t.Owner), t.TokenName, t.State, stamp(t.Last), strconv.Itoa(t.Requests), strconv.Itoa(t.Refused),
		})
	}
	return writeTable(w, []column{
		{name: "TOKEN"}, {name: "OWNER", limit: 24}, {name: "NAME", limit: 24}, {name: "STATE"}, {name: "LAST SEEN"},
		{name: "REQUESTS", right: true}, {name: "REFUSED", right: true},
	}, rows)
}

// PrintAlerts renders alerts: in a table each with its sentence and the next command below it.
func PrintAlerts(w io.Writer, o Output, alerts []Alert) error {
	switch o {
	case JSON:
		return jsonLines(w, alerts, alertJSON)
	case CSV:
		rows := make([][]string, 0, len(alerts))
		for _, a := range alerts {
			rows = append(rows, []string{
				stamp(a.Start), stamp(a.End), a.ID, a.State, a.Detector, a.Severity, a.Fingerprint, a.Owner, a.TokenName,
				strconv.FormatInt(a.Count, 10), a.Explanation, a.Next,
			})
		}
		return writeCSV(w, []string{
			"start", "end", "alert.id", "state", "detector", "severity", "token.fingerprint", "token.owner.id", "token.name", "count", "explanation", "next",
		}, rows)
	}
	for i, a := range alerts {
		if i > 0 {
			fmt.Fprintln(w)
		}
		who := strings.TrimSpace(cmp.Or(a.TokenName, "token") + " of " + cmp.Or(a.Owner, "unknown owner"))
		fmt.Fprintf(w, "%s  %-6s  %-6s  %s  %s\n", stamp(a.Start), a.Severity, a.period(), a.Detector, Visible(who))
		fmt.Fprintf(w, "  %s\n  next: %s\n", cut(Visible(a.Explanation), 400), Visible(a.Next))
	}
	return nil
}

func (a Alert) period() string {
	if a.Active() {
		return "active"
	}
	return "ended"
}

func alertJSON(a Alert) any {
	return struct {
		Start       string   `json:"start"`
		End         string   `json:"end,omitempty"`
		ID          string   `json:"keytrail.alert.id"`
		State       string   `json:"keytrail.alert.state"`
		Detector    string   `json:"keytrail.alert.detector"`
		Severity    string   `json:"keytrail.alert.severity"`
		Fingerprint string   `json:"token.fingerprint"`
		Owner       string   `json:"token.owner.id,omitempty"`
		TokenName   string   `json:"token.name,omitempty"`
		Count       int64    `json:"keytrail.alert.count"`
		Reasons     []string `json:"keytrail.alert.reasons,omitempty"`
		Explanation string   `json:"keytrail.alert.explanation"`
		Next        string   `json:"keytrail.alert.next"`
	}{
		stamp(a.Start), stamp(a.End), a.ID, a.State, a.Detector, a.Severity, a.Fingerprint, a.Owner, a.TokenName, a.Count, a.Reasons,
		a.Explanation, a.Next,
	}
}

func jsonLines[T any](w io.Writer, list []T, shape func(T) any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, v := range list {
		if err := enc.Encode(shape(v)); err != nil {
			return err
		}
	}
	return nil
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
