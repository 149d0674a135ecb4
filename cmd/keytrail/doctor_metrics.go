package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// metricsTimeout is for one scrape of a process that may be busy.
	metricsTimeout = 5 * time.Second

	// maxMetrics is what a scrape may hold: a collector with a hundred sources has a megabyte.
	maxMetrics = 16 << 20

	// maxMetricSources bounds what a page that is no collector's can make us hold.
	maxMetricSources = 1024
)

// collectorMetrics is what a collector says of its receivers since it started; nil where none was asked.
type collectorMetrics struct {
	sources map[string]*sourceMetrics
	limits  map[string]float64 // how often each limit bit
	dropped map[string]float64 // captured requests that were dropped, by reason
}

// sourceMetrics is what it says of one source. The pointers are nil where it says nothing.
type sourceMetrics struct {
	duplicates, outOfBounds    float64
	followed, missing, unclear float64
	clockSkew, lastRecordAge   *float64
	rejected                   map[string]float64
}

// readMetrics asks a collector for its metrics.
func readMetrics(ctx context.Context, at string) (*collectorMetrics, error) {
	if at == "" {
		return nil, nil
	}
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil, errors.New("--metrics must be an http or https URL without user")
	}
	ctx, cancel := context.WithTimeout(ctx, metricsTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("nobody answers at %s", at)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d", at, resp.StatusCode)
	}
	m, err := parseMetrics(io.LimitReader(resp.Body, maxMetrics))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	return m, nil
}

var errNoMetrics = errors.New("serves no metrics of an api_log receiver")

// parseMetrics reads the text format, and of it only the metrics of api_log.
func parseMetrics(r io.Reader) (*collectorMetrics, error) {
	m := &collectorMetrics{sources: map[string]*sourceMetrics{}, limits: map[string]float64{}, dropped: map[string]float64{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	known := 0
	for lines.Scan() {
		name, labels, value, ok := parseSample(lines.Text())
		if _, own, ours := strings.Cut(name, "receiver_api_log_"); ok && ours {
			known++
			m.take(own, labels, value)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if known == 0 {
		return nil, errNoMetrics
	}
	return m, nil
}

// take sorts one sample. Suffixes depend on how the collector is told to write names.
func (m *collectorMetrics) take(name string, labels map[string]string, v float64) {
	name = strings.TrimSuffix(strings.TrimSuffix(name, "_total"), "_seconds")
	switch name {
	case "limit_hits":
		m.limits[labels["limit"]] += v
		return
	case "capture_dropped":
		m.dropped[labels["reason"]] += v
		return
	}
	s := m.source(labels["source"])
	if s == nil {
		return
	}
	switch name {
	case "duplicate_records":
		s.duplicates += v
	case "time_out_of_bounds":
		s.outOfBounds += v
	case "clock_skew":
		s.clockSkew = &v
	case "last_record_age":
		s.lastRecordAge = &v
	case "rejected_records":
		s.rejected[labels["reason"]] += v
	case "sequence_numbers":
		switch labels["verdict"] {
		case "followed":
			s.followed += v
		case "missing":
			s.missing += v
		case "unclear":
			s.unclear += v
		}
	}
}

func (m *collectorMetrics) source(name string) *sourceMetrics {
	s := m.sources[name]
	if s == nil && name != "" && len(m.sources) < maxMetricSources {
		s = &sourceMetrics{rejected: map[string]float64{}}
		m.sources[name] = s
	}
	return s
}

// parseSample reads `name{label="value",…} number`, with a time behind or not.
func parseSample(line string) (name string, labels map[string]string, value float64, ok bool) {
	if line == "" || line[0] == '#' {
		return "", nil, 0, false
	}
	end := strings.IndexAny(line, "{ ")
	if end < 0 {
		return "", nil, 0, false
	}
	name, rest := line[:end], line[end:]
	if rest[0] == '{' {
		if labels, rest, ok = parseLabels(rest[1:]); !ok {
			return "", nil, 0, false
		}
	}
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	value, err := strconv.ParseFloat(number, 64)
	return name, labels, value, err == nil
}

// parseLabels reads up to the closing brace and returns what is behind it.
func parseLabels(s string) (labels map[string]string, rest string, ok bool) {
	labels = map[string]string{}
	for {
		s = strings.TrimLeft(s, ", ")
		if after, closed := strings.CutPrefix(s, "}"); closed {
			return labels, after, true
		}
		key, after, found := strings.Cut(s, `="`)
		if !found {
			return nil, "", false
		}
		var b strings.Builder
		i := 0
		for ; i < len(after) && after[i] != '"'; i++ {
			if after[i] != '\\' || i+1 == len(after) {
				b.WriteByte(after[i])
				continue
			}
			if i++; after[i] == 'n' {
				b.WriteByte('\n')
			} else {
				b.WriteByte(after[i])
			}
		}
		if i == len(after) {
			return nil, "", false
		}
		labels[key] = b.String()
		s = after[i+1:]
	}
}
