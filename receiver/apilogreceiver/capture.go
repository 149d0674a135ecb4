package apilogreceiver

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/receiver/apilogreceiver/internal/metadata"
)

// captureBody is how much of a request's body is read and thrown away so that the connection can be used again. A
// gateway is told to send none; one that sends more than this pays with a new connection.
const captureBody = 256 << 10

// captureServer answers every request of a gateway with an empty 200, at once and whatever happens behind it: it has
// no authentication, no host check and no tracing, and it never waits for the queue.
type captureServer struct {
	cfg          *CaptureConfig
	auth, mirror capturePath
	queue        *captureQueue
	worker       *captureWorker
	meters       *meters
	server       *http.Server
	serving      sync.WaitGroup
	addr         net.Addr

	open  atomic.Int64 // connections
	conns sync.Map     // net.Conn → *captureConn
}

// captureConn watches one connection for a request that never reaches the handler: net/http answers a header that is
// too large or malformed by itself and tells nobody.
type captureConn struct{ begun atomic.Bool }

type captureConnKey struct{}

// startCapture starts the capture server if one is configured.
func (r *apiLogReceiver) startCapture(
	ctx context.Context, host component.Host, srcs *sources, learned *templates, m *meters,
) error {
	cfg := r.cfg.Capture.Get()
	if cfg == nil {
		return nil
	}
	s, err := newCaptureServer(cfg, r.newCaptureWorker(cfg, srcs.byName[cfg.Source], learned, m), r.set.Logger)
	if err != nil {
		return err
	}
	if err := s.observe(r.tb); err != nil {
		return err
	}
	if err := s.start(ctx, host); err != nil {
		return err
	}
	r.capture = s
	return nil
}

func (r *apiLogReceiver) newCaptureWorker(cfg *CaptureConfig, src *source, learned *templates, m *meters) *captureWorker {
	ctx, cancel := context.WithCancel(context.Background())
	return &captureWorker{
		queue: newCaptureQueue(cfg.Queue), batch: cfg.Batch, dialects: dialects[cfg.Gateway], src: src, keys: r.keys,
		templates: learned, limits: &r.cfg.Limits, next: r.next, obs: r.obs, meters: m,
		ctx: ctx, cancel: cancel, stopping: make(chan struct{}), done: make(chan struct{}),
	}
}

// observe registers the gauges of the queue.
func (s *captureServer) observe(tb *metadata.TelemetryBuilder) error {
	return errors.Join(
		tb.RegisterReceiverAPILogCaptureQueueBytesCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(s.queue.bytes.used.Load())
			return nil
		}),
		tb.RegisterReceiverAPILogCaptureQueueRecordsCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(len(s.queue.items)))
			return nil
		}),
	)
}

func newCaptureServer(cfg *CaptureConfig, worker *captureWorker, logger *zap.Logger) (*captureServer, error) {
	// confighttp's own server would trace, decode and bound bodies, and copy headers into the context.
	errorLog, err := zap.NewStdLogAt(logger, zapcore.ErrorLevel)
	if err != nil {
		return nil, err
	}
	s := &captureServer{
		cfg: cfg, auth: newCapturePath(cfg.AuthPath), mirror: newCapturePath(cfg.MirrorPath),
		queue: worker.queue, worker: worker, meters: worker.meters,
	}
	s.server = &http.Server{
		Handler:                      s,
		ReadTimeout:                  cfg.ServerConfig.ReadTimeout,
		ReadHeaderTimeout:            cfg.ServerConfig.ReadHeaderTimeout,
		WriteTimeout:                 cfg.ServerConfig.WriteTimeout,
		IdleTimeout:                  cfg.ServerConfig.IdleTimeout,
		MaxHeaderBytes:               maxCaptureHeader,
		ErrorLog:                     errorLog,
		ConnContext:                  s.connContext,
		ConnState:                    s.connState,
		DisableGeneralOptionsHandler: true,
	}
	s.server.SetKeepAlivesEnabled(cfg.ServerConfig.KeepAlivesEnabled)
	return s, nil
}

func (s *captureServer) start(ctx context.Context, host component.Host) error {
	ln, err := s.cfg.ServerConfig.ToListener(ctx)
	if err != nil {
		return err
	}
	s.addr = ln.Addr()
	go s.worker.run()
	s.serving.Go(func() {
		if err := s.server.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
	})
	return nil
}

// shutdown answers what was begun, then hands on what the queue holds, both within ctx.
func (s *captureServer) shutdown(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.server.Close())
	}
	s.serving.Wait()
	s.queue.close()
	s.worker.stop(ctx)
	return err
}

func (s *captureServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if conn, ok := r.Context().Value(captureConnKey{}).(*captureConn); ok {
		conn.begun.Store(false)
	}
	capture, below, ok := s.find(r)
	if ok {
		s.take(r, capture, below)
	}
	s.answer(w, r, ok)
}

// find returns which way a request was captured, and what of its target follows the path for it.
func (s *captureServer) find(r *http.Request) (capture, below string, ok bool) {
	target := r.RequestURI
	if target == "" || target[0] != '/' { // an absolute form, or OPTIONS *
		target = r.URL.RequestURI()
	}
	if below, ok = s.auth.cut(target); ok {
		return event.CaptureAuth, below, true
	}
	below, ok = s.mirror.cut(target)
	return event.CaptureMirror, below, ok
}

// take puts a request into the queue. It is a boundary for panics: net/http would close the gateway's connection, and
// print whatever the panic holds.
func (s *captureServer) take(r *http.Request, capture, below string) {
	defer func() {
		if recover() != nil {
			s.meters.captureDropped(reasonInternal, 1)
		}
	}()
	c := newCaptured(r, capture, below)
	if c.cut > 0 {
		s.meters.limit(limitCaptureFields)
	}
	reason, limit := s.queue.put(c)
	if reason != "" {
		s.meters.captureDropped(reason, 1)
	}
	if limit != "" {
		s.meters.limit(limit)
	}
}

// answer sends a bare 200, or 404 for a path that no gateway was told of: a wrong setting must show when it is made.
// Nothing stands in the header that a gateway could hand on. The answer does not wait for a body.
func (s *captureServer) answer(w http.ResponseWriter, r *http.Request, known bool) {
	h := w.Header()
	h["Date"] = nil
	h["Content-Length"] = []string{"0"}
	code := http.StatusOK
	if !known {
		code = http.StatusNotFound
	}
	if r.ContentLength == 0 {
		w.WriteHeader(code)
		return
	}
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex() // HTTP/2 is so by itself
	if r.ContentLength > captureBody {
		s.meters.limit(limitCaptureBody)
		h.Set("Connection", "close")
	}
	w.WriteHeader(code)
	_ = control.Flush()
	if r.ContentLength > captureBody {
		return
	}
	if n, _ := io.CopyN(io.Discard, r.Body, captureBody+1); n > captureBody {
		s.meters.limit(limitCaptureBody)
	}
}

func (s *captureServer) connContext(ctx context.Context, c net.Conn) context.Context {
	conn := new(captureConn)
	s.conns.Store(c, conn)
	return context.WithValue(ctx, captureConnKey{}, conn)
}

func (s *captureServer) connState(c net.Conn, state http.ConnState) {
	v, ok := s.conns.Load(c)
	if !ok {
		return
	}
	conn := v.(*captureConn)
	switch state {
	case http.StateNew:
		if s.open.Add(1) > int64(s.cfg.Connections) {
			s.meters.limit(limitCaptureConnections)
			s.meters.captureDropped(dropConnections, 1)
			_ = c.Close()
		}
	case http.StateActive:
		conn.begun.Store(true)
	case http.StateIdle:
		conn.begun.Store(false)
	case http.StateClosed, http.StateHijacked:
		s.open.Add(-1)
		s.conns.Delete(c)
		if conn.begun.Load() {
			s.meters.captureDropped(dropUnreadable, 1)
		}
	}
}
