package tokenownerprocessor

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/privacy"
)

// batchOf100 is what a gateway sends: events of 29 attributes, clean but for their key.
func batchOf100(b *testing.B) plog.Logs {
	b.Helper()
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr(event.KeyServiceName, "orders")
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for i := range 100 {
		a := records.AppendEmpty().Attributes()
		a.PutStr(event.KeyMethod, "GET")
		a.PutInt(event.KeyStatus, 200)
		a.PutStr(event.KeyPath, fmt.Sprintf("/v1/orders/%d/items", 7000+i))
		a.PutStr(event.KeyQuery, "page=2&sort=created&filter=open")
		a.PutStr(event.KeyClientAddress, "203.0.113.77")
		a.PutStr(event.KeyUserAgent, "Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0 Safari/537.36")
		a.PutStr(event.KeyServerAddress, "api.shop.example")
		for _, h := range []string{"accept", "accept-encoding", "cache-control", "content-type", "host", "origin", "referer", "via", "x-request-id", "x-forwarded-for"} {
			a.PutEmptySlice(event.PrefixRequestHeader + h).AppendEmpty().SetStr("value of the header " + h + ", 17")
		}
		for n := range 11 {
			a.PutStr(fmt.Sprintf("kong.field_%d", n), "an ordinary value of a field of the gateway")
		}
		a.PutStr(event.PrefixRequestHeader+"x-api-key", fmt.Sprintf("dummy-key-of-the-benchmark-%06d", i))
	}
	return ld
}

// BenchmarkProcess shows what a record costs that arrives raw, and one that api_log has sealed: the chain of
// quickstart pays for the floor in the one and for the rules in the other, and for neither twice.
func BenchmarkProcess(b *testing.B) {
	floor := func(c *Config) { c.Redaction.DefaultRules = false }
	for _, bench := range []struct {
		name   string
		edit   func(*Config)
		sealed bool
	}{
		{"raw/floor", floor, false},
		{"raw/rules", func(*Config) {}, false},
		{"sealed/floor", floor, true},
		{"sealed/rules", func(*Config) {}, true},
		{"sealed/privacy", func(c *Config) {
			floor(c)
			c.Privacy.Settings = privacy.Settings{ClientAddress: privacy.Truncate, UserAgent: privacy.Family, Email: privacy.Pseudonym}
		}, true},
	} {
		b.Run(bench.name, func(b *testing.B) {
			cfg := createDefaultConfig().(*Config)
			cfg.Keyring.Path = keyringPath
			bench.edit(cfg)
			p := newStarted(b, cfg)
			ctx, batch := context.Background(), batchOf100(b)
			if bench.sealed {
				_, err := p.processLogs(ctx, batch)
				require.NoError(b, err)
				ctx = event.Trusted(ctx)
			}
			ld := plog.NewLogs()
			b.ReportAllocs()
			for b.Loop() {
				batch.CopyTo(ld)
				_, _ = p.processLogs(ctx, ld)
			}
			b.ReportMetric(float64(b.N*100)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
