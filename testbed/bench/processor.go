package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/redactionprocessor"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/keytrail/keytrail/internal/event/plogevent"
	"github.com/keytrail/keytrail/processor/tokenownerprocessor"
)

// peerRules are, as regular expressions, the token formats that the redaction floor knows by shape.
var peerRules = []string{
	`eyJ[A-Za-z0-9_-]{5,}\.eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*`, `gh[pousr]_[0-9A-Za-z]{36}`, `github_pat_\w{82}`, `glpat-[\w-]{20}`,
	`npm_[A-Za-z0-9]{36}`, `xox[abpors]-[0-9A-Za-z-]{10,}`, `(sk|rk)_(live|test)_[0-9A-Za-z]{16,}`, `(A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}`,
	`sk-ant-[A-Za-z0-9_-]{20,}`, `-----BEGIN [A-Z ]*PRIVATE KEY-----`,
}

// benchProcessor gives both processors clean events: the common case, and the one in which nothing may be skipped.
func benchProcessor() error {
	return oneCore(func() error {
		dir, err := os.MkdirTemp("", "keytrail-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		ours, err := startProcessor(tokenownerprocessor.NewFactory(), map[string]any{
			"keyring": map[string]any{"path": filepath.Join(dir, "ring", "keyring.yaml"), "create": true},
		})
		if err != nil {
			return err
		}
		defer func() { _ = ours.Shutdown(context.Background()) }()
		peer, err := startProcessor(redactionprocessor.NewFactory(), map[string]any{"allow_all_keys": true, "blocked_values": peerRules})
		if err != nil {
			return err
		}
		defer func() { _ = peer.Shutdown(context.Background()) }()

		what := fmt.Sprintf("2 clean events of 29 attributes (peer: redaction, %d rules)", len(peerRules))
		return rowThrough(what, ours, peer, cleanLogs())
	})
}

func cleanLogs() plog.Logs {
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for n := range perBody {
		lr := records.AppendEmpty()
		lr.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		plogevent.WriteAttrs(cleanEvent(n), lr.Attributes())
	}
	return ld
}

func startProcessor(f processor.Factory, settings map[string]any) (processor.Logs, error) {
	cfg := f.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(settings).Unmarshal(cfg); err != nil {
		return nil, err
	}
	p, err := f.CreateLogs(context.Background(), processortest.NewNopSettings(f.Type()), cfg, consumertest.NewNop())
	if err != nil {
		return nil, err
	}
	return p, p.Start(context.Background(), componenttest.NewNopHost())
}
