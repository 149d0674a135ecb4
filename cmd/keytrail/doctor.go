package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/internal/query"
)

// defaultMetrics is where the shipped configurations serve the collector's own metrics.
const defaultMetrics = "http://localhost:8888/metrics"

// defaultSilence is how long a source may send nothing before it counts as silent: longer than the nightly lull of a
// busy API, short enough to see the same day that a log sender died.
const defaultSilence = "6h"

type doctor struct {
	search
	metrics string
	silence string
	strict  bool
}

func newDoctor() *cobra.Command {
	d := doctor{}
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Name each source that does not show its tokens, and the gateway setting that mends it",
		Long: `Name each source that does not show its tokens, and the gateway setting that mends it.

A source is blind where a tenth or less of its requests show a credential, partly blind where a twentieth or more do not
show the token itself, silent where nothing came for --silent-after. Requests that were refused with 401, 403 or 407 and
show no token are not held against it: their callers may have sent none. Requests that were served without one are.`,
		Example: "  keytrail doctor\n  keytrail doctor --since 7d --strict\n  keytrail doctor --output json --metrics http://gateway.example:8888/metrics",
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return d.run(c, time.Now()) },
	}
	d.folders(c)
	f := c.Flags()
	d.output = query.Table
	f.VarP(&d.output, "output", "o", "how to print: table or json")
	f.StringVar(&d.since, "since", "24h", "from this time: a duration back such as 24h or 7d, or RFC 3339")
	f.StringVar(&d.until, "until", "", "before this time, likewise")
	f.StringVar(&d.metrics, "metrics", defaultMetrics, "the collector's own metrics in the Prometheus text format, for doubles, gaps, clocks and limits; empty is none")
	f.StringVar(&d.silence, "silent-after", defaultSilence, "how long a source may send nothing")
	f.BoolVar(&d.strict, "strict", false, "exit with 1 where a source is blind or silent")
	return c
}

func (d *doctor) run(c *cobra.Command, now time.Time) error {
	if d.output == query.CSV {
		return usage("output must be table or json, found %s", d.output)
	}
	silence, ok := ago(d.silence)
	if !ok || silence == 0 {
		return usage("silent-after must be a duration such as 6h or 7d, found %s", shown(d.silence))
	}
	sel, _, err := d.plan(now)
	if err != nil {
		return err
	}
	store, err := d.open()
	if err != nil {
		return err
	}
	lines, rep, err := store.Sources(c.Context(), sel)
	if err != nil {
		return err
	}
	told, err := readMetrics(c.Context(), d.metrics)
	if err != nil {
		fmt.Fprintf(c.ErrOrStderr(), "note: no metrics of the collector: %s; doubles, gaps, clocks, rejected records and limits are not told\n",
			query.Visible(err.Error()))
	}
	end := now
	if !sel.Until.IsZero() {
		end = sel.Until
	}
	findings := diagnose(lines, told, end, silence)
	if err := d.conclude(c, rep, len(findings), func(w io.Writer) error { return d.print(w, findings, told) }); err != nil {
		return err
	}
	return d.verdict(findings)
}

func (d *doctor) print(w io.Writer, findings []finding, told *collectorMetrics) error {
	if d.output == query.JSON {
		return printFindingsJSON(w, findings)
	}
	return printFindings(w, findings, told)
}

// verdict is the exit code: what the doctor found is no failure unless the caller says so.
func (d *doctor) verdict(findings []finding) error {
	n := 0
	for i := range findings {
		if s := findings[i].sight; s == query.SightBlind || s == query.SightSilent {
			n++
		}
	}
	switch {
	case !d.strict || n == 0:
		return nil
	case n == 1:
		return hint(errors.New("1 source is blind or silent"), "the answer above says what mends it")
	}
	return hint(fmt.Errorf("%d sources are blind or silent", n), "the answer above says what mends them")
}
