package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/gateway"
	"github.com/keytrail/keytrail/internal/query"
)

// finding is what the doctor says of one source.
type finding struct {
	query.SourceLine // of all its formats
	formats          []query.SourceLine
	sight            query.Sight
	remedies         []remedy
	metrics          *sourceMetrics // nil where the collector says nothing of it
}

// remedy is a setting of a gateway with the format whose records want it.
type remedy struct {
	format string
	gateway.Remedy
}

// diagnose judges each source that the archive holds or the collector declares.
func diagnose(lines []query.SourceLine, told *collectorMetrics, end time.Time, silence time.Duration) []finding {
	bySource := map[string][]query.SourceLine{}
	for _, l := range lines {
		bySource[l.Source] = append(bySource[l.Source], l)
	}
	metrics := map[string]*sourceMetrics{}
	if told != nil {
		metrics = told.sources
	}
	for name, m := range metrics {
		if _, have := bySource[name]; !have && m.lastRecordAge != nil {
			bySource[name] = nil
		}
	}
	out := make([]finding, 0, len(bySource))
	for _, name := range slices.Sorted(maps.Keys(bySource)) {
		f := finding{formats: bySource[name], metrics: metrics[name]}
		f.Source = name
		for i := range f.formats {
			f.Add(&f.formats[i])
		}
		f.sight = f.judge(end, silence)
		f.remedies = f.prescribe()
		out = append(out, f)
	}
	return out
}

// judge asks first whether anything comes at all. The collector knows when a record came; the archive only when its
// request was.
func (f *finding) judge(end time.Time, silence time.Duration) query.Sight {
	age := end.Sub(f.Last)
	if f.metrics != nil && f.metrics.lastRecordAge != nil {
		age = min(age, time.Duration(*f.metrics.lastRecordAge*float64(time.Second)))
	}
	if sight := f.Sight(); sight == query.SightSilent || age < silence {
		return sight
	}
	return query.SightSilent
}

// prescribe finds, format by format, the settings for what is hidden. Where none is for just that, the one that the format
// wants most often stands first.
func (f *finding) prescribe() []remedy {
	var out []remedy
	for i := range f.formats {
		l := &f.formats[i]
		if s := l.Sight(); s != query.SightBlind && s != query.SightPartly {
			continue
		}
		hidden, all := l.Hidden(), gateway.Remedies(l.Format)
		fits := slices.DeleteFunc(slices.Clone(all), func(r gateway.Remedy) bool { return !slices.Contains(hidden, r.Blind) })
		if len(fits) == 0 {
			fits = all[:min(1, len(all))]
		}
		for _, r := range fits {
			if !slices.ContainsFunc(out, func(have remedy) bool { return have.Setting == r.Setting }) {
				out = append(out, remedy{l.Format, r})
			}
		}
	}
	return out
}

// causes are the sentences that say why a source is not ok.
func (f *finding) causes() []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if f.sight == query.SightSilent {
		if f.Requests == 0 {
			add("no request of it came in the period: look whether the gateway still sends, and where to")
		} else {
			add("the last request of it was at %s: look whether the gateway still sends", when(f.Last))
		}
		if f.Requests == 0 {
			return out
		}
	}
	add("%s", f.Shares())
	if f.NoneServed > 0 {
		add("served without a token: %d; unless those routes are public, the log does not show what the gateway saw", f.NoneServed)
	}
	if f.NoneRefused > 0 {
		add("refused without a token: %d; their callers may have sent none, so they are not held against it", f.NoneRefused)
	}
	if f.ID > 0 {
		add("known by the gateway's id of the credential only: %d; --credential-id finds them, the token does not", f.ID)
	}
	if f.Sight() != query.SightOK && len(f.remedies) == 0 {
		add("no setting is known for the format of these records: name the gateway's own with sources::format, or the place of the token with sources::tokens")
	}
	return out
}

// notes are what does not hide tokens and yet makes the trail less than whole.
func (f *finding) notes() []string {
	var out []string
	add := func(n float64, format string) {
		if n > 0 {
			out = append(out, fmt.Sprintf(format, n))
		}
	}
	add(float64(f.RedactionFailed), "not redacted and kept as their skeleton: %.0f")
	add(float64(f.TimeClaimed), "claimed a time out of bounds: %.0f; look at the gateway's clock, or set sources::backfill for old logs")
	m := f.metrics
	if m == nil {
		return out
	}
	add(m.duplicates, "came twice since the collector started: %.0f; the sender did not get the answer in time, and the trail shows them once")
	add(m.missing, "numbers of the gateway's own count that never came: %.0f; records were lost on the way, or its filters did not log them")
	if m.unclear > m.followed {
		out = append(out, "gaps are not told: several gateways count under this one source; give each a source, or a host name in its records")
	}
	out = append(out, clockNote(m.clockSkew)...)
	if len(m.rejected) > 0 {
		out = append(out, "rejected records: "+counts(m.rejected))
	}
	return out
}

// The clock of a sender is worth a word from here on. Behind and late look the same, so late wants more.
const (
	clockAhead  = -1.0
	clockBehind = 120.0
)

func clockNote(skew *float64) []string {
	switch {
	case skew == nil:
	case *skew <= clockAhead:
		return []string{fmt.Sprintf("the sender's clock is %s ahead", seconds(-*skew))}
	case *skew >= clockBehind:
		return []string{fmt.Sprintf("no record arrives sooner than %s after its request: the sender's clock is behind, or it sends late", seconds(*skew))}
	}
	return nil
}

func seconds(s float64) string {
	d := time.Duration(min(s, 1e9) * float64(time.Second))
	return d.Round(max(time.Millisecond, d/100).Round(time.Millisecond)).String()
}

// counts lists what was counted, most first.
func counts(m map[string]float64) string {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), strings.Compare(a, b))
	})
	parts := make([]string, 0, len(keys))
	for _, k := range keys {
		if m[k] > 0 {
			parts = append(parts, fmt.Sprintf("%s %.0f", k, m[k]))
		}
	}
	return strings.Join(parts, ", ")
}
