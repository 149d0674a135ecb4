package tokenownerprocessor

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/plogtest"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/ptracetest"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
)

// asOf stands in the goldens for the time at which the owner file was read.
const asOf = "2000-01-01T00:00:00Z"

// expiresInDays stands there for what is left of a token at the time of the test.
const expiresInDays = 60_000

func TestGolden(t *testing.T) {
	dirs, err := filepath.Glob("testdata/golden/*")
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			conf, err := confmaptest.LoadConf(dir + "/config.yaml")
			require.NoError(t, err)
			cfg := createDefaultConfig().(*Config)
			require.NoError(t, conf.Unmarshal(cfg))
			cfg.Keyring.Path = keyringPath
			b := newBenchOn(t, cfg, componenttest.NewNopHost())
			if strings.HasPrefix(filepath.Base(dir), "traces_") {
				goldenTraces(t, b, dir)
			} else {
				goldenLogs(t, b, dir)
			}
		})
	}
}

func goldenLogs(t *testing.T, b *bench, dir string) {
	in, err := golden.ReadLogs(dir + "/input.yaml")
	require.NoError(t, err)
	out := b.sendLogs(t, context.Background(), in)
	requireGone(t, logText(t, out), "dummy-token-of")
	for _, lr := range records(out) {
		fixTime(lr.Attributes())
	}
	want, err := golden.ReadLogs(dir + "/output.yaml")
	if err != nil {
		require.NoError(t, golden.WriteLogsToFile(dir+"/output.yaml", withoutTimes(out)))
		t.Fatalf("%s/output.yaml was missing and has been written: review it", dir)
	}
	require.NoError(t, plogtest.CompareLogs(want, out, plogtest.IgnoreTimestamp(), plogtest.IgnoreObservedTimestamp()))
}

func withoutTimes(ld plog.Logs) plog.Logs {
	for _, lr := range records(ld) {
		lr.SetTimestamp(0)
		lr.SetObservedTimestamp(0)
	}
	return ld
}

func goldenTraces(t *testing.T, b *bench, dir string) {
	in, err := golden.ReadTraces(dir + "/input.yaml")
	require.NoError(t, err)
	out := b.sendTraces(t, context.Background(), in)
	requireGone(t, traceText(t, out), "dummy-token-of")
	for _, sp := range out.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		fixTime(sp.Attributes())
	}
	want, err := golden.ReadTraces(dir + "/output.yaml")
	if err != nil {
		for _, sp := range out.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			sp.SetStartTimestamp(0)
			sp.SetEndTimestamp(0)
		}
		require.NoError(t, golden.WriteTracesToFile(dir+"/output.yaml", out))
		t.Fatalf("%s/output.yaml was missing and has been written: review it", dir)
	}
	require.NoError(t, ptracetest.CompareTraces(want, out,
		ptracetest.IgnoreStartTimestamp(), ptracetest.IgnoreEndTimestamp()))
}

func fixTime(a pcommon.Map) {
	if v, ok := a.Get(event.KeyOwnerAsOf); ok {
		v.SetStr(asOf)
	}
	if v, ok := a.Get(event.KeyTokenExpiresIn); ok {
		v.SetInt(expiresInDays)
	}
}
