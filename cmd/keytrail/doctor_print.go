package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/keytrail/keytrail/internal/query"
)

// printFindings prints the table, then, source by source, what is wrong with it and what mends it.
func printFindings(w io.Writer, findings []finding, told *collectorMetrics) error {
	var rows []query.SourceRow
	for i := range findings {
		f := &findings[i]
		for _, l := range f.formats {
			rows = append(rows, query.SourceRow{SourceLine: l, Sight: f.sight})
		}
		if len(f.formats) == 0 {
			rows = append(rows, query.SourceRow{SourceLine: f.SourceLine, Sight: f.sight})
		}
	}
	if err := query.PrintSources(w, rows); err != nil {
		return err
	}
	for i := range findings {
		findings[i].print(w)
	}
	if told == nil {
		return nil
	}
	for _, c := range []struct {
		counted map[string]float64
		what    string
	}{
		{told.limits, "limits of the collector that bit since it started"}, {told.dropped, "captured requests that it dropped"},
	} {
		if text := counts(c.counted); text != "" {
			fmt.Fprintf(w, "\n%s: %s\n", c.what, query.Visible(text))
		}
	}
	return nil
}

// print is silent for a source of which there is nothing to say.
func (f *finding) print(w io.Writer) {
	var causes []string
	if f.sight != query.SightOK {
		causes = f.causes()
	}
	notes := f.notes()
	if len(causes)+len(notes) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s: %s\n", query.Visible(f.label()), f.sight)
	for _, text := range append(causes, notes...) {
		fmt.Fprintf(w, "  %s\n", query.Visible(text))
	}
	for _, r := range f.remedies {
		fmt.Fprintf(w, "\n  to mend it (%s, token %s): %s\n\n", query.Visible(r.format), r.Blind, r.Advice)
		for line := range strings.Lines(r.Setting) {
			fmt.Fprintf(w, "      %s\n", strings.TrimRight(line, "\n"))
		}
	}
}

func (f *finding) label() string {
	if f.Source == "" {
		return "(no source)"
	}
	return f.Source
}

// printFindingsJSON prints one object a source.
func printFindingsJSON(w io.Writer, findings []finding) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i := range findings {
		if err := enc.Encode(findings[i].json()); err != nil {
			return err
		}
	}
	return nil
}

type findingJSON struct {
	Source   string       `json:"keytrail.source"`
	Verdict  query.Sight  `json:"verdict"`
	Total    sightJSON    `json:"total"`
	Formats  []sightJSON  `json:"formats,omitempty"`
	Causes   []string     `json:"causes,omitempty"`
	Notes    []string     `json:"notes,omitempty"`
	Remedies []remedyJSON `json:"remedies,omitempty"`
	Metrics  *metricsJSON `json:"metrics,omitempty"`
}

type sightJSON struct {
	Format          string `json:"keytrail.format,omitempty"`
	Requests        int    `json:"requests"`
	Visible         int    `json:"visible"`
	Masked          int    `json:"masked"`
	Truncated       int    `json:"truncated"`
	ID              int    `json:"id"`
	None            int    `json:"none"`
	NoneServed      int    `json:"none_served"`
	NoneRefused     int    `json:"none_refused"`
	RedactionFailed int    `json:"redaction_failed"`
	TimeClaimed     int    `json:"time_out_of_bounds"`
	Last            string `json:"last_event,omitempty"`
}

type remedyJSON struct {
	Format  string `json:"keytrail.format"`
	Blind   string `json:"token.visibility"`
	Advice  string `json:"advice"`
	Setting string `json:"setting"`
}

// metricsJSON counts since the collector started.
type metricsJSON struct {
	Duplicates    float64            `json:"duplicates"`
	OutOfBounds   float64            `json:"time_out_of_bounds"`
	Followed      float64            `json:"sequence_followed"`
	Missing       float64            `json:"sequence_missing"`
	Unclear       float64            `json:"sequence_unclear"`
	ClockSkew     *float64           `json:"clock_skew_seconds,omitempty"`
	LastRecordAge *float64           `json:"last_record_age_seconds,omitempty"`
	Rejected      map[string]float64 `json:"rejected,omitempty"`
}

func (f *finding) json() findingJSON {
	out := findingJSON{Source: f.Source, Verdict: f.sight, Total: sightOf(&f.SourceLine), Notes: f.notes()}
	if f.sight != query.SightOK {
		out.Causes = f.causes()
	}
	for i := range f.formats {
		out.Formats = append(out.Formats, sightOf(&f.formats[i]))
	}
	for _, r := range f.remedies {
		out.Remedies = append(out.Remedies, remedyJSON{r.format, r.Blind, r.Advice, r.Setting})
	}
	if m := f.metrics; m != nil {
		out.Metrics = &metricsJSON{
			m.duplicates, m.outOfBounds, m.followed, m.missing, m.unclear, m.clockSkew, m.lastRecordAge, m.rejected,
		}
	}
	return out
}

func sightOf(l *query.SourceLine) sightJSON {
	return sightJSON{
		l.Format, l.Requests, l.Visible, l.Masked, l.Truncated, l.ID, l.None, l.NoneServed, l.NoneRefused,
		l.RedactionFailed, l.TimeClaimed, when(l.Last),
	}
}
