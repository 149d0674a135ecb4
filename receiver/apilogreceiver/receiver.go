package apilogreceiver

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/otel/metric"

	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/jwks"
	"github.com/keytrail/keytrail/receiver/apilogreceiver/internal/metadata"
)

// transport names the receiver's transport in the Collector's own metrics.
const transport = "http"

// maxHeaderBytes bounds what a request's header may hold: a sender's headers are few, credentials included.
const maxHeaderBytes = 64 << 10

type apiLogReceiver struct {
	set    receiver.Settings
	cfg    *Config
	next   consumer.Logs
	tb     *metadata.TelemetryBuilder
	obs    *receiverhelper.ObsReport
	budget *budget

	keys       *fingerprint.Keyring
	jwks       *jwks.Sets
	conditions conditions

	addr    net.Addr
	server  *http.Server
	serving sync.WaitGroup
	capture *captureServer // nil unless configured
}

func newReceiver(set receiver.Settings, cfg *Config, next consumer.Logs) (*apiLogReceiver, error) {
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: set.ID, Transport: transport, ReceiverCreateSettings: set,
	})
	if err != nil {
		return nil, err
	}
	tb, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &apiLogReceiver{
		set: set, cfg: cfg, next: next, tb: tb, obs: obs,
		budget: &budget{max: cfg.Limits.InflightBytes},
	}, nil
}

// Start opens the key ring before the listener: a request that could not be sealed is not taken.
func (r *apiLogReceiver) Start(ctx context.Context, host component.Host) error {
	keys, err := fingerprint.Open(fingerprint.ResolvePath(r.cfg.Keyring.Path), fingerprint.Options{
		Create:   r.cfg.Keyring.Create,
		OnReload: func(err error) { r.keyringReloaded(host, err) },
	})
	if err != nil {
		return err
	}
	r.keys = keys
	err = r.tb.RegisterReceiverAPILogInflightBytesCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(r.budget.used.Load())
		return nil
	})
	if err != nil {
		return err
	}
	if err := r.openJWKS(ctx, host); err != nil {
		return err
	}
	return r.listen(ctx, host)
}

func (r *apiLogReceiver) listen(ctx context.Context, host component.Host) error {
	srcs, err := newSources(r.cfg.Sources, r.keys, r.verifier())
	if err != nil {
		return err
	}
	m := newMeters(r.tb)
	if err := m.observe(srcs); err != nil {
		return err
	}
	learned := newTemplates(r.cfg.Limits.TemplatesPerService, m.limit)
	if err := r.startCapture(ctx, host, srcs, learned, m); err != nil {
		return err
	}
	server, err := r.newServer(ctx, host, srcs, learned, m)
	if err != nil {
		return err
	}
	ln, err := r.cfg.Ingest.ServerConfig.ToListener(ctx)
	if err != nil {
		return err
	}
	r.server, r.addr = server, ln.Addr()
	r.serving.Go(func() { r.serve(ln, host) })
	return nil
}

func (r *apiLogReceiver) serve(ln net.Listener, host component.Host) {
	if err := r.server.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
		componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
	}
}

func (r *apiLogReceiver) newServer(
	ctx context.Context, host component.Host, srcs *sources, learned *templates, m *meters,
) (*http.Server, error) {
	a := &answers{telemetry: r.tb}
	h := &handler{
		sources:   srcs,
		keys:      r.keys,
		bodies:    newBodyReader(&r.cfg.Ingest.ServerConfig, r.budget),
		templates: learned,
		limits:    &r.cfg.Limits,
		slots:     make(chan struct{}, r.cfg.Limits.ConcurrentRequests),
		room:      newRoom(r.cfg.Limits.EventBytes),
		next:      r.next,
		obs:       r.obs,
		meters:    m,
		answers:   a,
	}
	// Decoding is ours: confighttp's decoders allocate what a frame claims, and its error quotes the header.
	sc := r.cfg.Ingest.ServerConfig
	sc.CompressionAlgorithms = []string{}
	server, err := sc.ToServer(ctx, host.GetExtensions(), r.set.TelemetrySettings, h, confighttp.WithErrorHandler(a.serverError))
	if err != nil {
		return nil, err
	}
	server.MaxHeaderBytes = maxHeaderBytes
	server.Handler = newGuard(&r.cfg.Ingest, srcs.routes, a, server.Handler)
	return server, nil
}

// keyringReloaded runs after each change of the key ring's file; the last good ring stays in force.
func (r *apiLogReceiver) keyringReloaded(host component.Host, err error) {
	r.conditions.report(host, "key ring", err)
}

// Shutdown lets every request that was begun get its answer, then stops.
func (r *apiLogReceiver) Shutdown(ctx context.Context) error {
	var err error
	if r.server != nil {
		if err = r.server.Shutdown(ctx); err != nil {
			err = errors.Join(err, r.server.Close())
		}
		r.serving.Wait()
	}
	if r.capture != nil {
		err = errors.Join(err, r.capture.shutdown(ctx))
	}
	if r.jwks != nil {
		err = errors.Join(err, r.jwks.Close())
	}
	if r.keys != nil {
		err = errors.Join(err, r.keys.Close())
	}
	r.tb.Shutdown()
	return err
}
