package apilogreceiver

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"
)

// CaptureConfig is the HTTP server that gateways hand live requests to: as an authorization question that it never
// decides, or as a mirrored request.
type CaptureConfig struct {
	ServerConfig confighttp.ServerConfig `mapstructure:",squash"`

	// Gateway is who calls: nginx, caddy, traefik or envoy. Each says in headers of its own what was asked. A header
	// that the gateway does not set is the caller's to forge, so only those of this gateway are believed.
	Gateway string `mapstructure:"gateway"`

	// Source is the name of a declared source that the requests belong to; without it they are of "other".
	Source string `mapstructure:"source"`

	// AuthPath takes authorization questions, at the path and below it; empty takes none.
	AuthPath string `mapstructure:"auth_path"`

	// MirrorPath takes mirrored requests, at the path and below it. "/" takes every path, for gateways that mirror
	// the path unchanged; AuthPath must then be empty, since the path is the caller's. Empty takes none.
	MirrorPath string `mapstructure:"mirror_path"`

	// Connections is how many may be open at once. A gateway keeps a few hundred; each may hold a request header in
	// memory. One more is closed at once: a gateway goes on without an answer sooner than with a late one.
	Connections int `mapstructure:"connections"`

	// Queue holds requests between the answer and the next consumer.
	Queue CaptureQueueConfig `mapstructure:"queue"`

	// Batch is what the next consumer gets in one call.
	Batch CaptureBatchConfig `mapstructure:"batch"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// CaptureQueueConfig bounds the queue. What does not fit is dropped and counted.
type CaptureQueueConfig struct {
	// Records it may hold: at a thousand requests a second, ten seconds of a consumer that refuses.
	Records int `mapstructure:"records"`

	// Bytes it may hold, by an estimate that includes the bookkeeping of headers.
	Bytes int64 `mapstructure:"bytes"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// CaptureBatchConfig says when a batch is full.
type CaptureBatchConfig struct {
	// Records that make a batch: enough to share the next consumer's write to disk.
	Records int `mapstructure:"records"`

	// Interval after which a batch goes on as it is: well within the five seconds that a trail is seen in.
	Interval time.Duration `mapstructure:"interval"`

	// prevent unkeyed literal initialization
	_ struct{}
}

var _ confmap.Validator = (*CaptureConfig)(nil)

const (
	defaultCaptureEndpoint = "localhost:4381"

	// A gateway sends a header in one write; who needs longer is no gateway.
	captureHeaderTimeout = 5 * time.Second
	captureReadTimeout   = 10 * time.Second
	captureWriteTimeout  = 10 * time.Second

	// Longer than gateways keep an idle connection (nginx 60 s, Traefik 90 s, Caddy 2 min): the side that sends must
	// be the one that closes, else it now and then sends into a connection that has just been closed.
	captureIdleTimeout = 3 * time.Minute

	// maxCaptureHeader is what a request's header may hold. Caddy and Traefik let one mebibyte through; what the
	// gateway adds comes on top. Less would let a caller hide by sending more.
	maxCaptureHeader = 1<<20 + 64<<10

	// minCaptureBytes is what a queue must hold at least, so that the largest request fits an empty one.
	minCaptureBytes = 2 * maxCaptureHeader
)

func newDefaultCapture() CaptureConfig {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = defaultCaptureEndpoint
	server.ReadHeaderTimeout = captureHeaderTimeout
	server.ReadTimeout = captureReadTimeout
	server.WriteTimeout = captureWriteTimeout
	server.IdleTimeout = captureIdleTimeout
	return CaptureConfig{
		ServerConfig: server,
		AuthPath:     "/auth",
		MirrorPath:   "/mirror/",
		Connections:  1024,
		Queue:        CaptureQueueConfig{Records: 10_000, Bytes: 16 << 20},
		Batch:        CaptureBatchConfig{Records: 200, Interval: 200 * time.Millisecond},
	}
}

// Validate refuses what could make the server decide, fail, or believe a caller.
func (c *CaptureConfig) Validate() error {
	var errs []error
	if c.ServerConfig.NetAddr.Endpoint == "" {
		errs = append(errs, errors.New("`endpoint` must not be empty"))
	}
	if !slices.Contains(captureGateways(), c.Gateway) {
		errs = append(errs, fmt.Errorf("`gateway` must be one of %s, found %q", strings.Join(captureGateways(), ", "), c.Gateway))
	}
	errs = append(errs, c.validateServer(), c.validatePaths())
	positive := func(key string, n int64) {
		if n <= 0 {
			errs = append(errs, fmt.Errorf("`%s` must be positive, found %d", key, n))
		}
	}
	positive("connections", int64(c.Connections))
	positive("queue::records", int64(c.Queue.Records))
	positive("batch::records", int64(c.Batch.Records))
	if c.Batch.Interval <= 0 {
		errs = append(errs, fmt.Errorf("`batch::interval` must be positive, found %s", c.Batch.Interval))
	}
	if c.Queue.Bytes < minCaptureBytes {
		errs = append(errs, fmt.Errorf("`queue::bytes` must be at least %d, which the largest request takes, found %d",
			int64(minCaptureBytes), c.Queue.Bytes))
	}
	return errors.Join(errs...)
}

// validateServer refuses settings of confighttp that answer with something else than 200, or do nothing here.
func (c *CaptureConfig) validateServer() error {
	var errs []error
	refuse := func(set bool, key, why string) {
		if set {
			errs = append(errs, fmt.Errorf("`%s` must not be set: %s", key, why))
		}
	}
	s := &c.ServerConfig
	const fails = "a refusal here would fail the gateway's request; use `tls::client_ca_file` to admit gateways only"
	refuse(s.Auth.HasValue(), "auth", fails)
	refuse(s.CORS.HasValue(), "cors", fails)
	refuse(len(s.Middlewares) > 0, "middlewares", fails)
	refuse(s.ResponseHeaders != nil, "response_headers", "a gateway may hand them on")
	refuse(s.MaxRequestBodySize != 0, "max_request_body_size", "bodies are not read")
	refuse(s.CompressionAlgorithms != nil, "compression_algorithms", "bodies are not read")
	refuse(s.IncludeMetadata, "include_metadata", "the metadata would be the caller's headers")
	return errors.Join(errs...)
}

func (c *CaptureConfig) validatePaths() error {
	var errs []error
	for _, at := range []struct{ key, path string }{{"auth_path", c.AuthPath}, {"mirror_path", c.MirrorPath}} {
		if clean := path.Clean(at.path); at.path != "" && (at.path[0] != '/' || at.path != clean && at.path != clean+"/") {
			errs = append(errs, fmt.Errorf("`%s` must be a clean path, found %q", at.key, at.path))
		}
	}
	auth, mirror := newCapturePath(c.AuthPath), newCapturePath(c.MirrorPath)
	switch {
	case !auth.on && !mirror.on:
		errs = append(errs, errors.New("one of `auth_path` and `mirror_path` must be set"))
	case auth.on && mirror.on && (auth.holds(mirror.base) || mirror.holds(auth.base)):
		errs = append(errs, fmt.Errorf("`auth_path` and `mirror_path` must not lie below each other, found %q and %q: "+
			"the path below is the caller's", c.AuthPath, c.MirrorPath))
	}
	return errors.Join(errs...)
}
