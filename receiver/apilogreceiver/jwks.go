package apilogreceiver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/keytrail/keytrail/internal/jwks"
)

// JWKSConfig trusts one issuer of JWTs: whoever its tokens name is believed where the signature verifies.
type JWKSConfig struct {
	// Issuer is what the claim `iss` must equal, byte for byte.
	Issuer string `mapstructure:"issuer"`

	// File holds the key set; it is followed while the receiver runs. One of file and http must be set.
	File string `mapstructure:"file"`

	// HTTP says where the issuer publishes the key set, and how to get there.
	HTTP configoptional.Optional[confighttp.ClientConfig] `mapstructure:"http"`

	// RefreshInterval is how often the address is asked; a token with an unknown key id brings that forward, at most
	// once a minute.
	RefreshInterval time.Duration `mapstructure:"refresh_interval"`

	// Audiences, where given, are those of which the claim `aud` must name one.
	Audiences []string `mapstructure:"audiences"`

	// MaxVerifications bounds the signature checks a second. A token beyond it goes on unverified.
	MaxVerifications int `mapstructure:"max_verifications_per_second"`

	// prevent unkeyed literal initialization
	_ struct{}
}

var (
	_ confmap.Unmarshaler = (*JWKSConfig)(nil)
	_ confmap.Validator   = (*JWKSConfig)(nil)
)

// Unmarshal gives each issuer of the list its defaults.
func (c *JWKSConfig) Unmarshal(conf *confmap.Conf) error {
	c.HTTP = configoptional.Default(confighttp.NewDefaultClientConfig())
	c.RefreshInterval = jwks.DefaultInterval
	c.MaxVerifications = jwks.DefaultRate
	return conf.Unmarshal(c)
}

// Validate checks one issuer by itself.
func (c *JWKSConfig) Validate() error {
	var errs []error
	if c.Issuer == "" {
		errs = append(errs, errors.New("`issuer` must not be empty"))
	}
	if (c.File != "") == c.HTTP.HasValue() {
		errs = append(errs, errors.New("one of `file` and `http` must be set"))
	}
	if c.RefreshInterval < jwks.MinInterval {
		errs = append(errs, fmt.Errorf("`refresh_interval` must be at least %s, found %s", jwks.MinInterval, c.RefreshInterval))
	}
	if c.MaxVerifications <= 0 {
		errs = append(errs, fmt.Errorf("`max_verifications_per_second` must be positive, found %d", c.MaxVerifications))
	}
	if c.HTTP.HasValue() {
		errs = append(errs, validateKeySource(c.HTTP.Get()))
	}
	return errors.Join(errs...)
}

// validateKeySource refuses an address that anybody on the way could answer for: who chooses the keys signs the tokens.
// The address is not quoted, because its query may hold a key.
func validateKeySource(c *confighttp.ClientConfig) error {
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("`http::endpoint` must be an http or https URL")
	case u.User != nil:
		return errors.New("`http::endpoint` must not hold a password: use `http::auth`")
	case u.Scheme == "http" && !c.TLS.Insecure && !loopback(u.Hostname()):
		return fmt.Errorf("`http::endpoint` must be https, found http to %q: set `http::tls::insecure: true` to trust the network there", u.Host)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// validateJWKS checks what concerns several issuers.
func (c *Config) validateJWKS() error {
	seen := map[string]bool{}
	for i := range c.JWKS {
		if seen[c.JWKS[i].Issuer] {
			return fmt.Errorf("`jwks` must have distinct issuers, found %q twice", c.JWKS[i].Issuer)
		}
		seen[c.JWKS[i].Issuer] = true
	}
	return nil
}

// openJWKS loads the key sets. It fails where a file cannot be used; an address that does not answer makes the
// component's status say so.
func (r *apiLogReceiver) openJWKS(ctx context.Context, host component.Host) error {
	if len(r.cfg.JWKS) == 0 {
		return nil
	}
	c := jwks.Config{OnRefresh: func(issuer string, err error) { r.keySetRefreshed(host, issuer, err) }}
	for i := range r.cfg.JWKS {
		is, err := r.cfg.JWKS[i].issuer(ctx, host, r.set.TelemetrySettings)
		if err != nil {
			return fmt.Errorf("jwks::%d: %w", i, err)
		}
		c.Issuers = append(c.Issuers, is)
	}
	sets, err := jwks.Open(ctx, c)
	if err != nil {
		return fmt.Errorf("jwks: %w", err)
	}
	r.jwks = sets
	return r.observeJWKS(sets)
}

func (c *JWKSConfig) issuer(ctx context.Context, host component.Host, set component.TelemetrySettings) (jwks.Issuer, error) {
	is := jwks.Issuer{
		Name: c.Issuer, File: c.File, Interval: c.RefreshInterval, Audiences: c.Audiences, Rate: c.MaxVerifications,
	}
	if !c.HTTP.HasValue() {
		return is, nil
	}
	set.TracerProvider = noop.NewTracerProvider() // a span would hold the address, and its query may hold a key
	var err error
	is.URL = c.HTTP.Get().Endpoint
	is.Client, err = c.HTTP.Get().ToClient(ctx, host.GetExtensions(), set)
	return is, err
}

func (r *apiLogReceiver) observeJWKS(sets *jwks.Sets) error {
	var labels [len(jwks.Stats{}.Results)]metric.MeasurementOption
	for i := range labels {
		labels[i] = metric.WithAttributeSet(attribute.NewSet(attribute.String("result", jwks.Result(i).String())))
	}
	return errors.Join(
		r.tb.RegisterReceiverAPILogJwksVerificationsCallback(func(_ context.Context, o metric.Int64Observer) error {
			for i, n := range sets.Stats().Results {
				o.Observe(n, labels[i])
			}
			return nil
		}),
		r.tb.RegisterReceiverAPILogJwksRefreshErrorsCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(sets.Stats().RefreshErrors)
			return nil
		}),
	)
}

// keySetRefreshed runs when a key set cannot be loaded any more, and when it can be again; the last good one stays in
// force.
func (r *apiLogReceiver) keySetRefreshed(host component.Host, issuer string, err error) {
	if err != nil {
		r.set.Logger.Warn("key set not refreshed", zap.String("issuer", issuer), zap.Error(err))
	}
	r.conditions.report(host, "jwks "+issuer, err)
}

// verifier is what tells a proven JWT from a claimed one; nil where no issuer is trusted.
func (r *apiLogReceiver) verifier() func(token string) bool {
	if r.jwks == nil {
		return nil
	}
	return r.jwks.Verify
}
