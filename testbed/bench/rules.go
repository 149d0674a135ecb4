package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/redactionprocessor"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/redact"
	"github.com/keytrail/keytrail/processor/tokenownerprocessor"
	made "github.com/keytrail/keytrail/testbed/corpus"
)

// ruleCounts are how many of the default rules both processors are given.
var ruleCounts = []int{10, 50, 200}

// hitEvery is how many events go between two with a secret, where there are any.
const hitEvery = 20

// benchRules gives both processors ever more rules, the same ones, and events without and with something to find.
func benchRules() error {
	return oneCore(func() error {
		all, err := redact.New(redact.Config{DisableOwn: true})
		if err != nil {
			return err
		}
		dir, err := os.MkdirTemp("", "keytrail-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		for _, n := range ruleCounts {
			if err := duelRules(all, n, dir); err != nil {
				return err
			}
		}
		return nil
	})
}

func duelRules(all *redact.Set, n int, dir string) error {
	ids, exprs := all.Rules(), all.Expressions()
	var blocked []string
	for _, id := range ids[:n] {
		blocked = append(blocked, exprs[id])
	}
	ours, err := startProcessor(tokenownerprocessor.NewFactory(), map[string]any{
		"keyring":   map[string]any{"path": filepath.Join(dir, fmt.Sprint("ring", n), "keyring.yaml"), "create": true},
		"redaction": map[string]any{"disabled_rules": ids[n:]},
	})
	if err != nil {
		return err
	}
	defer func() { _ = ours.Shutdown(context.Background()) }()
	peer, err := startProcessor(redactionprocessor.NewFactory(), map[string]any{"allow_all_keys": true, "blocked_values": blocked})
	if err != nil {
		return err
	}
	defer func() { _ = peer.Shutdown(context.Background()) }()

	clean, hits := cleanLogs(), cleanLogs()
	plant(hits, exprs[ids[0]])
	for _, load := range []struct {
		name  string
		batch plog.Logs
	}{{"clean events of 29 attributes", clean}, {fmt.Sprintf("a secret in every %d. event", hitEvery), hits}} {
		what := fmt.Sprintf("2 %s, %d rules (peer: redaction)", load.name, n)
		if err := rowThrough(what, ours, peer, load.batch); err != nil {
			return err
		}
	}
	return nil
}

// plant writes a text that the expression matches into some of the records.
func plant(ld plog.Logs, expr string) {
	r := rand.New(rand.NewPCG(1, 2))
	records := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	for i := 0; i < records.Len(); i += hitEvery {
		if text, ok := made.Matching(r, expr); ok {
			records.At(i).Attributes().PutStr("app.note", "deploy used "+text+" today")
		}
	}
}
