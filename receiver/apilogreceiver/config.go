package apilogreceiver

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway"
	"github.com/keytrail/keytrail/internal/secret"
)

// Config configures the receiver.
type Config struct {
	// Ingest is the HTTP server that takes log bodies.
	Ingest IngestConfig `mapstructure:"ingest"`

	// Capture is the HTTP server that gateways hand live requests to. It is not started unless it is configured.
	Capture configoptional.Optional[CaptureConfig] `mapstructure:"capture"`

	// Keyring says where the keys of the fingerprints lie.
	Keyring KeyringConfig `mapstructure:"keyring"`

	// Sources declares who sends. A request that fits none is of the source "other".
	Sources []SourceConfig `mapstructure:"sources"`

	// JWKS are the issuers whose JWTs are verified. A JWT of another issuer is only claimed.
	JWKS []JWKSConfig `mapstructure:"jwks"`

	// Limits bounds what one sender, or all of them, can make the receiver hold.
	Limits Limits `mapstructure:"limits"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// IngestConfig is a confighttp server that also says by which names it may be called.
type IngestConfig struct {
	ServerConfig confighttp.ServerConfig `mapstructure:",squash"`

	// Hosts are further values of the Host header to answer to, without port. The host of `endpoint` and the
	// loopback names are always answered to.
	Hosts []string `mapstructure:"hosts"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// KeyringConfig names the key ring file.
type KeyringConfig struct {
	// Path of the file; empty means $KEYTRAIL_KEYRING, else ./data/keyring.yaml.
	Path string `mapstructure:"path"`

	// Create makes a new key ring where there is none. Only for a first try: a ring made by accident orphans the
	// archive of the one that is missing.
	Create bool `mapstructure:"create"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// SourceConfig declares one sender.
type SourceConfig struct {
	// Name becomes `keytrail.source` of every record.
	Name string `mapstructure:"name"`

	// Path binds the source to a path of its own below /ingest/.
	Path string `mapstructure:"path"`

	// Sender binds the source to the subject that the auth extension authenticated. With Path, only this sender
	// may use the path.
	Sender string `mapstructure:"sender"`

	// Format of the source's records; `auto` recognises each.
	Format string `mapstructure:"format"`

	// Issuer separates the credential ids and Basic users of this source from those of others; the name by default.
	Issuer string `mapstructure:"issuer"`

	// Service is the `service.name` of records that name none; the source's name by default.
	Service string `mapstructure:"service"`

	// TrustedProxies are the networks whose X-Forwarded-For counts.
	TrustedProxies []string `mapstructure:"trusted_proxies"`

	// Backfill widens how far back a claimed time is believed beyond the default 30 days.
	Backfill time.Duration `mapstructure:"backfill"`

	// Mapping names, for formats json, logfmt and auto, the field of each attribute: attribute key → dotted path; for
	// format haproxy the captured headers: attribute key → request.<n> or response.<n> and the capture's len.
	Mapping map[string]string `mapstructure:"mapping"`

	// Tokens are further places in which the source's clients send credentials; the usual ones need none.
	Tokens []secret.Rule `mapstructure:"tokens"`

	// prevent unkeyed literal initialization
	_ struct{}
}

var (
	_ component.Config  = (*Config)(nil)
	_ confmap.Validator = (*Config)(nil)
	_ confmap.Validator = (*IngestConfig)(nil)
	_ confmap.Validator = (*SourceConfig)(nil)
)

const (
	ingestPath = "/ingest"
	healthPath = "/health"
)

// sourceName keeps a source's name fit for a metric label and an attribute.
var sourceName = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)

// Validate checks what concerns several sources or a source and the server.
func (c *Config) Validate() error {
	errs := []error{c.validateJWKS()}
	names, paths := map[string]bool{}, map[string]bool{}
	senders := map[string]bool{}
	for i := range c.Sources {
		s := &c.Sources[i]
		if names[s.Name] {
			errs = append(errs, fmt.Errorf("`sources` must have distinct names, found %q twice", s.Name))
		}
		names[s.Name] = true
		if s.Path != "" && paths[s.Path] {
			errs = append(errs, fmt.Errorf("`sources` must have distinct paths, found %q twice", s.Path))
		}
		paths[s.Path] = true
		if s.Path == "" && s.Sender != "" && senders[s.Sender] {
			errs = append(errs, fmt.Errorf("`sources` without path must have distinct senders, found %q twice", s.Sender))
		}
		if s.Path == "" {
			senders[s.Sender] = true
		}
		if s.Path == "" && s.Sender == "" && s.Name != c.captured() {
			errs = append(errs, fmt.Errorf("one of `path` and `sender` of source %q must be set, or it be the `capture::source`", s.Name))
		}
		if s.Sender != "" && !c.Ingest.ServerConfig.Auth.HasValue() {
			errs = append(errs, fmt.Errorf("`sender` of source %q needs `ingest::auth`, which is not configured", s.Name))
		}
	}
	if name := c.captured(); name != "" && !names[name] {
		errs = append(errs, fmt.Errorf("`capture::source` must be the name of one of `sources`, found %q", name))
	}
	if body := c.Ingest.ServerConfig.MaxRequestBodySize; c.Limits.InflightBytes < body {
		errs = append(errs, fmt.Errorf("`limits::inflight_bytes` must not be below `ingest::max_request_body_size` (%d), found %d",
			body, c.Limits.InflightBytes))
	}
	return errors.Join(errs...)
}

// captured is the name of the source that live requests belong to, empty without one.
func (c *Config) captured() string {
	if capture := c.Capture.Get(); capture != nil {
		return capture.Source
	}
	return ""
}

// Validate refuses what the server could not keep.
func (c *IngestConfig) Validate() error {
	var errs []error
	if c.ServerConfig.NetAddr.Endpoint == "" {
		errs = append(errs, errors.New("`endpoint` must not be empty"))
	}
	if c.ServerConfig.MaxRequestBodySize <= 0 {
		errs = append(errs, fmt.Errorf("`max_request_body_size` must be positive, found %d", c.ServerConfig.MaxRequestBodySize))
	}
	for _, a := range c.ServerConfig.CompressionAlgorithms {
		if !slices.Contains([]string{encodingNone, encodingGzip, encodingZstd}, a) {
			errs = append(errs, fmt.Errorf("`compression_algorithms` may hold %q, %q and %q, found %q",
				encodingNone, encodingGzip, encodingZstd, a))
		}
	}
	for _, h := range c.Hosts {
		if h == "" || strings.ContainsAny(h, "/ \t*") || hostname(h) != strings.ToLower(h) {
			errs = append(errs, fmt.Errorf("`hosts` must hold host names without port, found %q", h))
		}
	}
	return errors.Join(errs...)
}

// Validate checks one source by itself.
func (c *SourceConfig) Validate() error {
	var errs []error
	if !sourceName.MatchString(c.Name) || c.Name == event.SourceOther {
		errs = append(errs, fmt.Errorf("`name` must match %s and not be %q, found %q", sourceName, event.SourceOther, c.Name))
	}
	if c.Path != "" && (!strings.HasPrefix(c.Path, ingestPath+"/") || path.Clean(c.Path) != c.Path) {
		errs = append(errs, fmt.Errorf("`path` must be a clean path below %s/, found %q", ingestPath, c.Path))
	}
	if c.Format != "" && !slices.Contains(gateway.Formats(), c.Format) {
		errs = append(errs, fmt.Errorf("`format` must be one of %s, found %q", strings.Join(gateway.Formats(), ", "), c.Format))
	}
	if _, err := prefixes(c.TrustedProxies); err != nil {
		errs = append(errs, err)
	}
	if c.Backfill < 0 {
		errs = append(errs, fmt.Errorf("`backfill` must not be negative, found %s", c.Backfill))
	}
	if err := c.validateMapping(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c *SourceConfig) validateMapping() error {
	if len(c.Mapping) == 0 {
		return nil
	}
	if c.mapped() != c.Format {
		return fmt.Errorf("`mapping` needs a format that takes one (%s, %s, %s or %s), found %q",
			gateway.FormatAuto, gateway.FormatHAProxy, gateway.FormatJSON, gateway.FormatLogfmt, c.Format)
	}
	_, err := gateway.New(c.Format, gateway.Options{Mapping: c.Mapping})
	return err
}

// mapped is the format whose parser the mapping configures.
func (c *SourceConfig) mapped() string {
	switch c.Format {
	case gateway.FormatAuto, gateway.FormatHAProxy, gateway.FormatLogfmt:
		return c.Format
	}
	return gateway.FormatJSON
}

// prefixes reads networks; a lone address is the network of itself.
func prefixes(texts []string) ([]netip.Prefix, error) {
	out := make([]netip.Prefix, 0, len(texts))
	for _, t := range texts {
		if a, err := netip.ParseAddr(t); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(t)
		if err != nil {
			return nil, fmt.Errorf("`trusted_proxies` must hold addresses or networks, found %q", t)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
