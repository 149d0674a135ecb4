package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/redactionprocessor"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/redact"
	"github.com/keytrail/keytrail/internal/secret/search"
	made "github.com/keytrail/keytrail/testbed/corpus"
)

const (
	samplesPerRule = 10
	cleanSamples   = 10_000
)

// planted is a text with a secret of one rule in it.
type planted struct{ rule, text string }

// benchCorpus prints how many planted secrets are found by us, by contrib's redaction processor with the
// same expressions, and by gitleaks, and how many clean fields each touches; with -v rule by rule.
func benchCorpus() error {
	set, err := redact.New(redact.Config{})
	if err != nil {
		return err
	}
	samples := plantAll(set.Expressions())
	var clean []string
	for _, record := range made.Clean(17, cleanSamples/made.PerRecord) {
		for _, f := range record {
			clean = append(clean, f.Value)
		}
	}
	texts := append(textsOf(samples), clean...)
	ours := make([]bool, len(texts))
	var found []search.Match
	for i, text := range texts {
		found = set.Search("", text, found[:0])
		ours[i] = len(found) > 0
	}
	peer, err := redacted(set.Expressions(), texts)
	if err != nil {
		return err
	}
	leaks, err := gitleaks(texts)
	if err != nil {
		return err
	}
	fmt.Printf("\n%-44s %8s %8s %10s %9s\n", "found, by rule", "planted", "keytrail", "redaction", "gitleaks")
	total := tally(samples, ours, peer, leaks)
	fmt.Printf("%-44s %8d %8d %10d %9s\n", "all planted", len(samples), total[0], total[1], known(leaks, total[2]))
	c := [3]int{}
	for i := len(samples); i < len(texts); i++ {
		count(&c, i, ours, peer, leaks)
	}
	fmt.Printf("%-44s %8d %8d %10d %9s\n", "clean fields touched", len(clean), c[0], c[1], known(leaks, c[2]))
	fmt.Printf("%-44s %8s %8s %10s %9s\n\n", "precision", "", percent(total[0], c[0]), percent(total[1], c[1]), percent(total[2], c[2]))
	return nil
}

func plantAll(exprs map[string]string) []planted {
	r := rand.New(rand.NewPCG(5, 8))
	ids := make([]string, 0, len(exprs))
	for id := range exprs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var list []planted
	for _, id := range ids {
		for range samplesPerRule {
			if text, ok := made.Matching(r, exprs[id]); ok {
				list = append(list, planted{id, text})
			}
		}
	}
	return list
}

func textsOf(list []planted) []string {
	texts := make([]string, 0, len(list))
	for _, p := range list {
		texts = append(texts, p.text)
	}
	return texts
}

func tally(samples []planted, ours, peer, leaks []bool) (total [3]int) {
	for from := 0; from < len(samples); {
		to := from
		var c [3]int
		for ; to < len(samples) && samples[to].rule == samples[from].rule; to++ {
			count(&c, to, ours, peer, leaks)
		}
		if verbose {
			fmt.Printf("%-44s %8d %8d %10d %9s\n", samples[from].rule, to-from, c[0], c[1], known(leaks, c[2]))
		}
		for i := range total {
			total[i] += c[i]
		}
		from = to
	}
	return total
}

func count(c *[3]int, i int, lists ...[]bool) {
	for n, l := range lists {
		if l != nil && l[i] {
			c[n]++
		}
	}
}

func known(leaks []bool, n int) string {
	if leaks == nil {
		return "-"
	}
	return fmt.Sprint(n)
}

func percent(right, wrong int) string {
	if right+wrong == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(right)/float64(right+wrong))
}

// redacted tells which texts contrib's processor changes.
func redacted(exprs map[string]string, texts []string) ([]bool, error) {
	var blocked []string
	for _, e := range exprs {
		blocked = append(blocked, e)
	}
	p, err := startProcessor(redactionprocessor.NewFactory(), map[string]any{"allow_all_keys": true, "blocked_values": blocked})
	if err != nil {
		return nil, err
	}
	defer func() { _ = p.Shutdown(context.Background()) }()
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, text := range texts {
		records.AppendEmpty().Attributes().PutStr("app.note", text)
	}
	if err := p.ConsumeLogs(context.Background(), ld); err != nil {
		return nil, err
	}
	changed := make([]bool, len(texts))
	for i := range texts {
		v, _ := records.At(i).Attributes().Get("app.note")
		changed[i] = v.Str() != texts[i]
	}
	return changed, nil
}

// gitleaks tells in which texts the real one finds something; nothing where it is not installed. GITLEAKS names its
// binary, which make servers builds.
func gitleaks(texts []string) ([]bool, error) {
	binary := os.Getenv("GITLEAKS")
	if binary == "" {
		root, err := repository()
		if err != nil {
			return nil, err
		}
		binary = filepath.Join(root, "bin", "servers", "gitleaks")
	}
	if _, err := os.Stat(binary); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	dir, err := os.MkdirTemp("", "keytrail-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for i, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d.log", i)), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	report := filepath.Join(filepath.Dir(dir), filepath.Base(dir)+".json")
	defer os.Remove(report)
	cmd := exec.Command(binary, "dir", "--no-banner", "--exit-code", "0", "--report-format", "json", "--report-path", report, dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("gitleaks: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return reported(report, len(texts))
}

func reported(path string, n int) ([]bool, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var findings []struct{ File string }
	if err := json.Unmarshal(b, &findings); err != nil {
		return nil, err
	}
	found := make([]bool, n)
	for _, f := range findings {
		var i int
		if _, err := fmt.Sscanf(filepath.Base(f.File), "%06d.log", &i); err == nil && i < n {
			found[i] = true
		}
	}
	return found, nil
}
