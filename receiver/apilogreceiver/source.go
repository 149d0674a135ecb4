package apilogreceiver

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/gateway"
	"github.com/keytrail/keytrail/internal/secret"
)

// source is one declared sender, ready to work, or the one for everybody else.
type source struct {
	name    string
	sender  string
	format  string
	service string
	window  event.Window
	sealer  *secret.Sealer
	proxies []netip.Prefix
	parsers map[string]gateway.Parser
	labels  labels
	watch   *watch
}

// unknownService is what the semantic conventions call a service that nobody named.
const unknownService = "unknown_service"

func newSource(c SourceConfig, keys *fingerprint.Keyring, verify func(token string) bool) (*source, error) {
	proxies, err := prefixes(c.TrustedProxies)
	if err != nil {
		return nil, err
	}
	s := &source{
		name:    c.Name,
		sender:  c.Sender,
		format:  cmp.Or(c.Format, gateway.FormatAuto),
		service: cmp.Or(c.Service, c.Name),
		window:  event.DefaultWindow,
		proxies: proxies,
		sealer:  secret.New(keys, secret.Options{Issuer: cmp.Or(c.Issuer, c.Name), Rules: c.Tokens, Verify: verify}),
		parsers: make(map[string]gateway.Parser),
		labels:  newLabels(c.Name),
		watch:   newWatch(c.Name),
	}
	if c.Name == event.SourceOther {
		s.service = unknownService
	}
	s.window.Back = max(s.window.Back, c.Backfill)
	for _, f := range gateway.Formats() {
		o := gateway.Options{TrustedProxies: proxies}
		if f == c.mapped() {
			o.Mapping = c.Mapping
		}
		if s.parsers[f], err = gateway.New(f, o); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// route is where a request goes by its path: to a source bound to the path, else by format.
type route struct {
	source *source
	format string
}

type routes map[string]*route

func (r routes) find(path string) (*route, bool) {
	rt, ok := r[path]
	return rt, ok
}

type routeKey struct{}

func withRoute(ctx context.Context, rt *route) context.Context {
	return context.WithValue(ctx, routeKey{}, rt)
}

func routeFrom(ctx context.Context) *route {
	rt, _ := ctx.Value(routeKey{}).(*route)
	return rt
}

// sources knows to whom a request belongs.
type sources struct {
	routes   routes
	bySender map[string]*source
	byName   map[string]*source
	other    *source
}

func newSources(cfg []SourceConfig, keys *fingerprint.Keyring, verify func(token string) bool) (*sources, error) {
	other, err := newSource(SourceConfig{Name: event.SourceOther}, keys, verify)
	if err != nil {
		return nil, err
	}
	ss := &sources{
		routes: routes{ingestPath: {}}, bySender: make(map[string]*source), other: other,
		byName: map[string]*source{"": other},
	}
	for _, f := range gateway.Formats() {
		ss.routes[ingestPath+"/"+f] = &route{format: f}
	}
	for _, c := range cfg {
		s, err := newSource(c, keys, verify)
		if err != nil {
			return nil, err
		}
		ss.byName[c.Name] = s
		switch {
		case c.Path != "":
			ss.routes[c.Path] = &route{source: s}
		case c.Sender != "":
			ss.bySender[c.Sender] = s
		}
	}
	return ss, nil
}

// pick returns the source of a request and the format of its body. It is false where a path belongs to a sender
// and somebody else used it.
func (ss *sources) pick(rt *route, subject string) (src *source, format string, ok bool) {
	switch src = rt.source; {
	case src != nil:
		if src.sender != "" && src.sender != subject {
			return nil, "", false
		}
	case subject != "" && ss.bySender[subject] != nil:
		src = ss.bySender[subject]
	default:
		src = ss.other
	}
	return src, cmp.Or(rt.format, src.format), true
}

// subject is whom the auth extension authenticated: OIDC extensions say subject, basic auth says username.
func subject(ctx context.Context) string {
	auth := client.FromContext(ctx).Auth
	if auth == nil {
		return ""
	}
	for _, name := range []string{"subject", "username"} {
		if s, ok := auth.GetAttribute(name).(string); ok && s != "" {
			return s
		}
	}
	return ""
}

// sender is the authentication data passed on: who sent, and nothing the sender proved it with. Basic auth's own
// data holds the whole header under "raw".
type sender string

func (s sender) GetAttribute(name string) any {
	if name == "subject" {
		return string(s)
	}
	return nil
}

func (sender) GetAttributeNames() []string { return []string{"subject"} }

// credentialWords mark header names that may carry a credential; a queue on disk downstream would keep them.
var credentialWords = []string{"auth", "token", "key", "secret", "cookie", "passw", "credential", "session", "sign", "jwt"}

// cleanClient returns ctx with client information that holds no credential of the sender.
func cleanClient(ctx context.Context) context.Context {
	info := client.FromContext(ctx)
	if s := subject(ctx); s != "" {
		info.Auth = sender(s)
	} else {
		info.Auth = nil
	}
	kept := map[string][]string{}
	for k := range info.Metadata.Keys() {
		if !slices.ContainsFunc(credentialWords, func(w string) bool { return strings.Contains(k, w) }) {
			kept[k] = info.Metadata.Get(k)
		}
	}
	info.Metadata = client.NewMetadata(kept)
	return client.NewContext(ctx, info)
}

// labels are the attribute sets of a source's counters, made once: a body of one record pays for no set.
type labels struct {
	source  string
	formats map[string]metric.MeasurementOption
	kinds   map[kind]metric.MeasurementOption
	schemes map[string]metric.MeasurementOption
	alone   metric.MeasurementOption
}

func newLabels(name string) labels {
	src := attribute.String("source", name)
	l := labels{
		source:  name,
		formats: make(map[string]metric.MeasurementOption),
		kinds:   make(map[kind]metric.MeasurementOption),
		schemes: make(map[string]metric.MeasurementOption),
		alone:   metric.WithAttributeSet(attribute.NewSet(src)),
	}
	for _, f := range append(gateway.Formats(), formatCapture, labelOther) {
		format := attribute.String("format", f)
		l.formats[f] = metric.WithAttributeSet(attribute.NewSet(src, format))
		for _, v := range visibilities {
			l.kinds[kind{f, v}] = metric.WithAttributeSet(attribute.NewSet(src, format, attribute.String("visibility", v)))
		}
	}
	for _, s := range schemes {
		l.schemes[s] = metric.WithAttributeSet(attribute.NewSet(src, attribute.String("scheme", s)))
	}
	return l
}

func (l labels) reason(reason string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(
		attribute.String("source", l.source), attribute.String("reason", reason)))
}
