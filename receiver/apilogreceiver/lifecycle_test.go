package apilogreceiver

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/keytrail/keytrail/receiver/apilogreceiver/internal/metadata"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func newFor(t *testing.T, cfg *Config, next consumer.Logs) *apiLogReceiver {
	t.Helper()
	r, err := newReceiver(receivertest.NewNopSettings(metadata.Type), cfg, next)
	require.NoError(t, err)
	return r
}

func TestStartFailsClosed(t *testing.T) {
	cfg := testConfig(t)
	cfg.Keyring.Path = filepath.Join(t.TempDir(), "none.yaml")
	r := newFor(t, cfg, consumertest.NewNop())
	require.Error(t, r.Start(t.Context(), componenttest.NewNopHost()), "no key ring, no receiver")
	require.NoError(t, r.Shutdown(t.Context()))

	cfg = testConfig(t)
	require.NoError(t, os.Chmod(cfg.Keyring.Path, 0o644)) //nolint:gosec // the mode is what is tested
	r = newFor(t, cfg, consumertest.NewNop())
	require.Error(t, r.Start(t.Context(), componenttest.NewNopHost()), "others can read the key ring")
	require.NoError(t, r.Shutdown(t.Context()))

	ln, err := net.Listen("tcp", "localhost:0") //nolint:noctx // a port that is taken
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	cfg = testConfig(t)
	cfg.Ingest.ServerConfig.NetAddr.Endpoint = ln.Addr().String()
	r = newFor(t, cfg, consumertest.NewNop())
	require.Error(t, r.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, r.Shutdown(t.Context()))
}

// Whoever got into the handler before the shutdown gets the answer that is true.
func TestShutdownWaitsForWhatWasBegun(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	var delivered atomic.Int64
	next, err := consumerFunc(func(_ context.Context, ld plog.Logs) error {
		close(entered)
		<-release
		delivered.Add(int64(ld.LogRecordCount()))
		return nil
	})
	require.NoError(t, err)
	r := startWith(t, testConfig(t), next, componenttest.NewNopHost())
	answered := make(chan answer, 1)
	go func() { answered <- r.post("/ingest/kong", kong("a", "dummy-key")) }()
	<-entered
	down := make(chan error, 1)
	go func() { down <- r.recv.Shutdown(context.Background()) }()
	close(release)
	a := <-answered
	require.NoError(t, <-down)
	assert.Equal(t, 200, a.code)
	assert.Equal(t, int64(a.report.Accepted), delivered.Load())
}

// statusHost remembers what components report.
type statusHost struct {
	component.Host
	events chan *componentstatus.Event
}

func (h statusHost) Report(e *componentstatus.Event) { h.events <- e }

func TestADeadListenerIsFatal(t *testing.T) {
	host := statusHost{componenttest.NewNopHost(), make(chan *componentstatus.Event, 1)}
	r := newFor(t, testConfig(t), consumertest.NewNop())
	ln, err := net.Listen("tcp", "localhost:0") //nolint:noctx // closed under the server
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	r.server = &http.Server{ReadHeaderTimeout: 1}
	r.serve(ln, host)
	assert.Equal(t, componentstatus.StatusFatalError, (<-host.events).Status())
}

func TestABadKeyringIsReportedAndRecovers(t *testing.T) {
	host := statusHost{componenttest.NewNopHost(), make(chan *componentstatus.Event, 1)}
	r := newFor(t, testConfig(t), consumertest.NewNop())
	r.keyringReloaded(host, os.ErrPermission)
	assert.Equal(t, componentstatus.StatusRecoverableError, (<-host.events).Status())
	r.keyringReloaded(host, nil)
	assert.Equal(t, componentstatus.StatusOK, (<-host.events).Status())
}

// resender posts records with a number each and, like a real one, sends again what was refused for now.
type resender struct {
	rig  *rig
	next atomic.Int64
}

func (*resender) Start() {}
func (*resender) Stop()  {}

func (g *resender) Generate() []receivertest.UniqueIDAttrVal {
	id := fmt.Sprintf("id-%d", g.next.Add(1))
	body := fmt.Appendf(nil, `{"method":"GET","path":"/v1/orders","status":200,"test_id":%q}`, id)
	for {
		a := g.rig.post("/ingest/contract", body)
		if a.code != http.StatusServiceUnavailable {
			return []receivertest.UniqueIDAttrVal{receivertest.UniqueIDAttrVal(id)}
		}
	}
}

// restoring gives the contract checker its attribute under the name it looks for.
func restoring(next consumer.Logs) (consumer.Logs, error) {
	return consumerFunc(func(ctx context.Context, ld plog.Logs) error {
		for _, rl := range ld.ResourceLogs().All() {
			for _, lr := range rl.ScopeLogs().At(0).LogRecords().All() {
				v, _ := lr.Attributes().Get("json." + receivertest.UniqueIDAttrName)
				id := v.Str()
				lr.Attributes().RemoveIf(func(string, pcommon.Value) bool { return true })
				lr.Attributes().PutStr(receivertest.UniqueIDAttrName, id)
			}
		}
		return next.ConsumeLogs(ctx, ld)
	})
}

func TestConsumeContract(t *testing.T) {
	cfg := testConfig(t)
	cfg.Sources = []SourceConfig{{Name: "contract", Path: "/ingest/contract", Format: "json"}}
	gen := &resender{rig: &rig{t: t}}
	var mu sync.Mutex
	create := func(_ context.Context, set receiver.Settings, c component.Config, next consumer.Logs) (receiver.Logs, error) {
		next, err := restoring(next)
		if err != nil {
			return nil, err
		}
		r, err := newReceiver(set, c.(*Config), next)
		if err != nil {
			return nil, err
		}
		return &announcing{r, func(addr string) {
			mu.Lock()
			defer mu.Unlock()
			gen.rig.url = "http://" + addr
		}}, nil
	}
	receivertest.CheckConsumeContract(receivertest.CheckConsumeContractParams{
		T: t,
		Factory: receiver.NewFactory(metadata.Type, createDefaultConfig,
			receiver.WithLogs(create, metadata.LogsStability)),
		Signal:        pipeline.SignalLogs,
		Config:        cfg,
		Generator:     gen,
		GenerateCount: 100,
	})
	http.DefaultClient.CloseIdleConnections()
}

// announcing tells the address once the receiver listens.
type announcing struct {
	*apiLogReceiver
	tell func(addr string)
}

func (a *announcing) Start(ctx context.Context, host component.Host) error {
	if err := a.apiLogReceiver.Start(ctx, host); err != nil {
		return err
	}
	a.tell(a.addr.String())
	return nil
}
