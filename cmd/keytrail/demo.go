package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/query"
	"github.com/keytrail/keytrail/internal/ship"
	"github.com/keytrail/keytrail/internal/traffic"
)

// demoSeed makes the sample company: the same everywhere, so that its leaked token need not be kept anywhere.
const demoSeed = 1

const demoDays = 21

type demo struct {
	dir  string
	keep bool

	out, err io.Writer
	company  *traffic.Company
}

func newDemo() *cobra.Command {
	var d demo
	c := &cobra.Command{
		Use:   "demo",
		Short: "Start the collector, feed it three weeks of sample traffic with an incident, say where to look",
		Long: "Start the collector on the embedded default, feed it three weeks of sample traffic with an incident in the last\n" +
			"two hours, and say where to look. Everything is kept in ./data of --dir.",
		Example: "  keytrail demo --keep",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d.out, d.err = c.OutOrStdout(), c.ErrOrStderr()
			return d.play(c.Context())
		},
	}
	c.Flags().StringVar(&d.dir, "dir", ".", "working folder; data is kept in its folder data")
	c.Flags().BoolVar(&d.keep, "keep", false, "leave the collector running until Ctrl-C")
	c.AddCommand(&cobra.Command{
		Use:   "token",
		Short: "Print the leaked token of the sample traffic, which is made up and kept nowhere",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			fmt.Fprintln(c.OutOrStdout(), traffic.NewCompany(demoSeed, time.Now()).Leaked.Raw)
			return nil
		},
	})
	return c
}

func (d *demo) data(name string) string { return filepath.Join(d.dir, "data", name) }

func (d *demo) play(ctx context.Context) (err error) {
	d.company = traffic.NewCompany(demoSeed, time.Now())
	if err := nothingListens(); err != nil { // before prepare takes the data of a demo that still runs
		return err
	}
	if err := d.prepare(); err != nil {
		return err
	}
	col, err := startCollector(ctx, d.dir, d.data("collector.log"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, col.stop()) }()
	began := time.Now()
	n, err := d.replay(ctx, col)
	if err != nil {
		return err
	}
	took := time.Since(began)
	alerts, err := d.awaitAlerts(ctx)
	if err != nil {
		return err
	}
	d.say(n, took, alerts)
	if d.keep {
		fmt.Fprintln(d.out, "The collector runs until Ctrl-C.")
		return col.wait(ctx)
	}
	return nil
}

// marker names a data folder as the demo's own, which the next demo may replace.
const marker = "demo"

// prepare makes ./data with a key ring and the owner directory. It never touches data that is not a demo's.
func (d *demo) prepare() error {
	if err := d.clear(); err != nil {
		return err
	}
	if err := os.MkdirAll(d.data(""), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(d.data(marker), []byte("made by keytrail demo; the next demo replaces this folder\n"), 0o600); err != nil {
		return err
	}
	if _, err := fingerprint.Create(d.data("keyring.yaml")); err != nil {
		return err
	}
	owners, err := d.company.OwnersYAML(func(raw string) string {
		sum := sha256.Sum256([]byte(raw))
		return hex.EncodeToString(sum[:])
	})
	if err != nil {
		return err
	}
	return os.WriteFile(d.data("owners.yaml"), owners, 0o600)
}

// clear removes the data of an earlier demo, and refuses to touch any other.
func (d *demo) clear() error {
	if _, err := os.Stat(d.data(marker)); err == nil {
		return os.RemoveAll(d.data(""))
	}
	if entries, err := os.ReadDir(d.data("")); err == nil && len(entries) > 0 {
		return hint(fmt.Errorf("%s holds data that is not a demo's", d.data("")), "pass another folder with --dir")
	}
	return nil
}

// A body ends after so many records or so much time, and sooner during the incident, so that the two gateways'
// records reach the collector in the order they happened.
const (
	demoBody     = 1000
	demoSpan     = time.Hour
	incidentSpan = time.Minute
)

// reportStep is how many percent of the replay pass between two lines where no terminal shows progress.
const reportStep = 50

func (d *demo) replay(ctx context.Context, col *collector) (int, error) {
	show := newProgress(d.err)
	defer show.done()
	now := time.Now()
	b := batch{client: ship.NewHTTPClient()}
	next := reportStep
	for r := range d.company.Requests(demoDays, true) {
		span := demoSpan
		if now.Sub(r.Time) < 3*time.Hour {
			span = incidentSpan
		}
		if b.full(r.Time, span) {
			if err := b.flush(ctx, col); err != nil {
				return b.sent, err
			}
		}
		b.add(r)
		past := r.Time.Sub(now.AddDate(0, 0, -demoDays))
		show.set("replaying day %d of %d, %d requests", int(past.Hours()/24)+1, demoDays, b.sent)
		if percent := int(100 * past.Hours() / (24 * demoDays)); !show.tty && percent >= next {
			fmt.Fprintf(d.err, "replayed %d%%: %d requests\n", percent, b.sent)
			next += reportStep
		}
	}
	return b.sent, b.flush(ctx, col)
}

// batch is what both gateways logged in one stretch of time.
type batch struct {
	client *http.Client
	bodies map[string][]byte
	n      int
	sent   int
	begin  time.Time
}

func (b *batch) full(at time.Time, span time.Duration) bool {
	return b.n >= demoBody || b.n > 0 && at.Sub(b.begin) > span
}

func (b *batch) add(r traffic.Request) {
	if b.n == 0 {
		b.begin = r.Time
		b.bodies = map[string][]byte{}
	}
	b.n++
	b.bodies[r.Gateway()] = append(r.Append(b.bodies[r.Gateway()]), '\n')
}

func (b *batch) flush(ctx context.Context, col *collector) error {
	for gateway, body := range b.bodies {
		c := ship.Client{URL: ingestURL + "/" + gateway, HTTP: b.client, Patience: time.Minute}
		a, err := c.Send(ctx, body)
		if err != nil {
			return errors.Join(err, col.exited())
		}
		if a.Rejected > 0 {
			return fmt.Errorf("the collector rejected %d of the sample records, the first for %s", a.Rejected, a.Errors[0].Reason)
		}
	}
	b.sent += b.n
	b.n, b.bodies = 0, nil
	return nil
}

// alertPatience is how long after the last request the incident's alerts may take to be readable.
const alertPatience = 30 * time.Second

// awaitAlerts waits until the incident's alerts can be read, as anybody would read them.
func (d *demo) awaitAlerts(ctx context.Context) ([]query.Alert, error) {
	until := time.Now().Add(alertPatience)
	for {
		alerts, err := d.alerts(ctx)
		if err != nil || d.complete(alerts) {
			return alerts, err
		}
		if time.Now().After(until) {
			return alerts, hint(fmt.Errorf("the incident's alerts did not all appear, found %d alerts", len(alerts)), "see "+d.data("collector.log"))
		}
		select {
		case <-ctx.Done():
			return alerts, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (d *demo) alerts(ctx context.Context) ([]query.Alert, error) {
	store, err := query.Open(d.data("archive"), d.data("journal"))
	if err != nil {
		return nil, err
	}
	events, _, err := store.Events(ctx, archive.Selection{Names: []string{event.NameAnomaly}}, query.Filter{})
	return query.NewAlerts(events), err
}

func (d *demo) complete(alerts []query.Alert) bool {
	have := map[string]bool{}
	for _, a := range alerts {
		have[a.Owner+" "+a.Detector] = true
	}
	leaked, rotated := d.company.Leaked.Owner.ID, d.company.Rotated.Owner.ID
	return have[leaked+" new_endpoint"] && have[leaked+" usage_spike"] && have[rotated+" dead_token"]
}

// shownAlerts keeps what the demo prints within fifteen lines.
const shownAlerts = 6

// gravest puts the alerts that matter most first; those of one severity stay in the order they began.
func gravest(alerts []query.Alert) []query.Alert {
	order := []string{"high", "medium", "low"}
	alerts = slices.Clone(alerts)
	slices.SortStableFunc(alerts, func(a, b query.Alert) int {
		return cmp.Compare(slices.Index(order, a.Severity), slices.Index(order, b.Severity))
	})
	return alerts
}

func (d *demo) say(n int, took time.Duration, alerts []query.Alert) {
	fmt.Fprintf(d.out, "%d requests of %d days, taken in %s. What looked wrong:\n", n, demoDays, took.Round(time.Second))
	for i, a := range gravest(alerts) {
		if i == shownAlerts {
			fmt.Fprintf(d.out, "  and %d more\n", len(alerts)-i)
			break
		}
		fmt.Fprintf(d.out, "  %-6s %-12s %s: %s\n", a.Severity, a.Detector, query.Visible(cmp.Or(a.TokenName, a.Fingerprint)), query.Visible(a.Explanation))
	}
	me := os.Args[0]
	where := ""
	if d.dir != "." {
		where = " --archive " + d.data("archive") + " --keyring " + d.data("keyring.yaml")
	}
	fmt.Fprintf(d.out, "The leaked token's trail:  %s demo token | %s trail --token-stdin --output json%s\n", me, me, where)
	fmt.Fprintf(d.out, "Its card:                  %s demo token | %s whois --token-stdin%s\n", me, me, where)
	fmt.Fprintf(d.out, "All alerts:                %s alerts%s\n", me, where)
	fmt.Fprintf(d.out, "Metrics (with --keep):     http://localhost:9464/metrics\n")
}
