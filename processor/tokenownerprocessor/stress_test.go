package tokenownerprocessor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/processor/tokenownerprocessor/internal/metadata"
)

func TestConcurrentCallsDoNotMixTokens(t *testing.T) {
	owners := ""
	tokens := make([]string, 8)
	for i := range tokens {
		tokens[i] = dummyToken()
		owners += fmt.Sprintf("- {sha256: %s, owner_id: owner-%d}\n", hexSum(tokens[i]), i)
	}
	edit := withOwners(t, "%s", owners)
	cfg := createDefaultConfig().(*Config)
	cfg.Keyring.Path = keyringPath
	edit(cfg)
	b := newBenchOn(t, cfg, &statusHost{})
	p := newStarted(t, cfg)
	want := make([]string, len(tokens))
	for i := range tokens {
		want[i] = fingerprintOf(t, tokens[i])
	}
	var calls sync.WaitGroup
	for i := range tokens {
		calls.Go(func() {
			for range 100 {
				out, err := p.processLogs(context.Background(), withKeys("Bearer "+tokens[i]))
				a := records(out)[0].Attributes()
				if err != nil || strOf(a, event.KeyFingerprint) != want[i] || strOf(a, event.KeyOwnerID) != fmt.Sprintf("owner-%d", i) {
					t.Errorf("call of token %d got %s, %s, %v", i, strOf(a, event.KeyFingerprint), strOf(a, event.KeyOwnerID), err)
					return
				}
			}
		})
	}
	calls.Go(func() {
		for range 20 { // reloads and a bad file now and then, under load
			_ = os.WriteFile(cfg.Owners.File.Get().Path, []byte(owners+"# again\n"), 0o600)
			b.sendTraces(t, context.Background(), serverSpan(func(ptrace.Span) {}))
		}
	})
	calls.Wait()
}

// newStarted makes a started instance without the helper around it, for work that needs no sink.
func newStarted(t testing.TB, cfg *Config) *tokenOwner {
	t.Helper()
	p := newInstance(t, cfg)
	require.NoError(t, p.start(context.Background(), &statusHost{}))
	t.Cleanup(func() { require.NoError(t, p.shutdown(context.Background())) })
	return p
}

func newInstance(t testing.TB, cfg *Config) *tokenOwner {
	t.Helper()
	p, err := newProcessor(processortest.NewNopSettings(metadata.Type), cfg, "logs")
	require.NoError(t, err)
	return p
}

func TestShutdown(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Keyring.Path = keyringPath
	processortest.VerifyShutdown(t, NewFactory(), cfg)

	p, err := NewFactory().CreateLogs(context.Background(), processortest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, p.Shutdown(context.Background()), "shutdown without start")
}

func TestAMissingKeyRingStopsTheStart(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Keyring.Path = t.TempDir() + "/none.yaml"
	p, err := NewFactory().CreateLogs(context.Background(), processortest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
	require.NoError(t, err)
	require.ErrorIs(t, p.Start(context.Background(), &statusHost{}), os.ErrNotExist)
	require.NoError(t, p.Shutdown(context.Background()))
}

// FuzzLogs feeds any batch that decodes: nothing panics, no record is lost, each is marked, none keeps a forged key.
func FuzzLogs(f *testing.F) {
	for _, seed := range []plog.Logs{
		request(func(lr plog.LogRecord) { lr.Body().SetStr("token=dummy-token-of-the-fuzzer") }),
		request(func(lr plog.LogRecord) { lr.Attributes().PutStr("x", "\xff\u202e") }),
		fileLines(`{"request":{"uri":"/x?key=1"}}`, "1.2.3.4 - - [x]"),
	} {
		raw, err := (&plog.ProtoMarshaler{}).MarshalLogs(seed)
		require.NoError(f, err)
		f.Add(raw, false)
		f.Add(raw, true)
	}
	cfg := createDefaultConfig().(*Config)
	cfg.Keyring.Path = keyringPath
	parsing := *cfg
	parsing.Parse = "auto"
	plain, parser := newStarted(f, cfg), newStarted(f, &parsing)
	f.Fuzz(func(t *testing.T, raw []byte, parse bool) {
		ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(raw)
		if err != nil {
			return
		}
		p := plain
		if parse {
			p = parser
		}
		n := ld.LogRecordCount()
		out, err := p.processLogs(context.Background(), ld)
		require.NoError(t, err)
		require.Equal(t, n, out.LogRecordCount())
		for _, lr := range records(out) {
			require.NotEmpty(t, strOf(lr.Attributes(), event.KeyRedaction))
			require.Len(t, strOf(lr.Attributes(), event.KeyEventID), 32)
		}
	})
}

func FuzzTraces(f *testing.F) {
	raw, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(serverSpan(func(sp ptrace.Span) {
		sp.Events().AppendEmpty().Attributes().PutEmptyMap("m").PutStr("authorization", "Bearer dummy-token-of-the-fuzzer")
		sp.Links().AppendEmpty().TraceState().FromRaw("a=b")
	}))
	require.NoError(f, err)
	f.Add(raw)
	cfg := createDefaultConfig().(*Config)
	cfg.Keyring.Path = keyringPath
	p := newStarted(f, cfg)
	f.Fuzz(func(t *testing.T, raw []byte) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(raw)
		if err != nil {
			return
		}
		n := td.SpanCount()
		out, err := p.processTraces(context.Background(), td)
		require.NoError(t, err)
		require.Equal(t, n, out.SpanCount())
		for _, rs := range out.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, sp := range ss.Spans().All() {
					require.NotEmpty(t, strOf(sp.Attributes(), event.KeyRedaction))
				}
			}
		}
	})
}

// cleanEvent fills a request-like record of 29 attributes that holds no credential.
func cleanEvent(a pcommon.Map, i int) {
	for _, kv := range [][2]string{
		{event.KeyMethod, "GET"}, {event.KeyScheme, "https"}, {event.KeyPath, "/v1/orders/4711/items"},
		{event.KeyQuery, "page=2&size=50&sort=created"}, {event.KeyServerAddress, "api.example.net"},
		{event.KeyProtocolVersion, "1.1"}, {event.KeyRoute, "/v1/orders/{id}/items"},
		{event.KeyClientAddress, "203.0.113.77"}, {event.KeyPeerAddress, "10.1.2.3"},
		{event.KeyUserAgent, "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"},
		{"http.request.header.accept", "application/json, text/plain, */*"},
		{"http.request.header.accept-language", "en-GB,en;q=0.9,de;q=0.8"},
		{"http.request.header.accept-encoding", "gzip, deflate, br, zstd"},
		{"http.request.header.content-type", "application/json"},
		{"http.request.header.host", "api.example.net"},
		{"http.request.header.referer", "https://shop.example.net/cart?step=3"},
		{"http.request.header.x-forwarded-for", "203.0.113.77, 10.1.2.3"},
		{"http.request.header.x-request-id", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"},
		{"http.response.header.content-type", "application/json; charset=utf-8"},
		{"http.response.header.cache-control", "no-store, max-age=0"},
		{"gateway.route.name", "orders-items"}, {"gateway.service.name", "orders"}, {"gateway.upstream", "10.4.5.6:8080"},
	} {
		a.PutStr(kv[0], kv[1])
	}
	a.PutInt(event.KeyServerPort, 443)
	a.PutInt(event.KeyStatus, 200)
	a.PutInt(event.KeyRequestSize, 812)
	a.PutInt(event.KeyRespSize, int64(2048+i))
	a.PutInt(event.KeyRespBodySize, int64(1800+i))
	a.PutInt(event.KeyClientPort, 51234)
}

func BenchmarkLogs(b *testing.B) {
	for _, c := range []struct{ name, token string }{{"clean", ""}, {"token", "Bearer dummy-token-of-the-benchmark-0001"}} {
		b.Run(c.name, func(b *testing.B) {
			cfg := createDefaultConfig().(*Config)
			cfg.Keyring.Path = keyringPath
			withOwners(b, "- {sha256: %s, owner_id: a, owner_name: A, token_name: t}", hexSum("dummy-token-of-the-benchmark-0001"))(cfg)
			p := newStarted(b, cfg)
			const batch = 100
			src := plog.NewLogs()
			sl := src.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
			for i := range batch {
				lr := sl.LogRecords().AppendEmpty()
				cleanEvent(lr.Attributes(), i)
				if c.token != "" {
					lr.Attributes().PutStr(event.PrefixRequestHeader+"authorization", c.token)
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				ld := plog.NewLogs()
				src.CopyTo(ld)
				b.StartTimer()
				if _, err := p.processLogs(context.Background(), ld); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*batch/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkReloadUnderLoad sends records while a directory of 100,000 rows is written again every second, and beside it
// while the file rests. It prints how many records took longer than 5 ms, and the longest: what both show alike is the
// scheduler of a machine with nothing to spare, not the reload.
func BenchmarkReloadUnderLoad(b *testing.B) {
	var rows bytes.Buffer
	for i := range 100_000 {
		fmt.Fprintf(&rows, "%s,owner-%d\n", hexSum(fmt.Sprint(i)), i)
	}
	for _, every := range []time.Duration{time.Hour, time.Second} {
		b.Run(fmt.Sprintf("every=%s", every), func(b *testing.B) { reloadUnderLoad(b, rows.Bytes(), every) })
	}
}

func reloadUnderLoad(b *testing.B, rows []byte, every time.Duration) {
	const token = "dummy-token-of-the-benchmark-0001"
	path := filepath.Join(b.TempDir(), "owners.csv")
	write := func(generation int) {
		head := fmt.Appendf(nil, "sha256,owner_id\n%s,owner-%d\n", hexSum(token), generation)
		if err := errors.Join(os.WriteFile(path+".new", append(head, rows...), 0o600), os.Rename(path+".new", path)); err != nil {
			b.Error(err)
		}
	}
	write(0)
	cfg := createDefaultConfig().(*Config)
	cfg.Keyring.Path = keyringPath
	cfg.Owners.File = configoptional.Some(OwnerFileConfig{Path: path, Interval: time.Second})
	p := newStarted(b, cfg)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			case <-tick.C:
				write(i)
			}
		}
	}()
	late, longest, owners := 0, time.Duration(0), make(map[string]bool)
	for b.Loop() {
		ld := withKeys("Bearer " + token)
		start := time.Now()
		out, err := p.processLogs(context.Background(), ld)
		took := time.Since(start)
		if err != nil {
			b.Fatal(err)
		}
		owners[strOf(records(out)[0].Attributes(), event.KeyOwnerID)] = true
		longest = max(longest, took)
		if took > 5*time.Millisecond {
			late++
		}
	}
	close(stop)
	<-done
	if owners[""] {
		b.Fatal("a reload hid an owner")
	}
	b.ReportMetric(float64(late), "records>5ms")
	b.ReportMetric(float64(longest.Microseconds())/1000, "ms-longest")
	b.ReportMetric(float64(len(owners)), "directories")
}
