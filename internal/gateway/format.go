package gateway

import (
	"slices"

	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// Names of the formats.
const (
	FormatAuto    = "auto"
	FormatAPISIX  = "apisix"
	FormatCaddy   = "caddy"
	FormatHAProxy = "haproxy"
	FormatKong    = "kong"
	FormatNginx   = "nginx"
	FormatEnvoy   = "envoy"
	FormatTraefik = "traefik"
	FormatJSON    = "json"

	FormatCloudflare = "cloudflare"
	FormatAPIGateway = "apigateway"
	FormatALB        = "alb"
	FormatCloudTrail = "cloudtrail"
	FormatGCP        = "gcp"
	FormatAzure      = "azure"
	FormatTyk        = "tyk"
	FormatGitHub     = "github"
	FormatVault      = "vault"
	FormatGitLab     = "gitlab"
	FormatLogfmt     = "logfmt"
)

// format is what the package knows of one log format. It stands in the file of the format.
type format struct {
	name string

	// object fills the draft from a record that is a JSON object, which d.doc holds; nil where the format has none.
	object func(d *draft) error
	// marks are the top-level fields that only this format has: by them auto knows an object. They are the gateway's
	// own names, which no caller can add: a caller chooses values, never top-level names.
	marks []string
	// certain is a further condition for auto, for a format whose marks are common words.
	certain func(doc *jsondoc.Doc) bool

	// line fills the draft from a record that is a line of text; nil where the format has none.
	line func(d *draft) error
	// isLine reports whether a line is of this format, by its shape alone. Where two say so the first in formats
	// counts.
	isLine func(s string) bool

	// remedies say how a token that this format does not show is made visible.
	remedies []Remedy
}

// formats are all formats but auto, in the order in which a tie between them is decided. The last two read what no
// other recognises.
var formats = []*format{
	kongFormat, apisixFormat, caddyFormat, haproxyFormat, envoyFormat, traefikFormat,
	cloudflareFormat, apigatewayFormat, albFormat, cloudtrailFormat,
	gcpFormat, azureFormat, tykFormat, githubFormat, vaultFormat, gitlabFormat, logfmtFormat,
	nginxFormat, jsonFormat,
}

// Formats lists the names New takes.
func Formats() []string {
	names := []string{FormatAuto}
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

func formatNamed(name string) *format {
	i := slices.IndexFunc(formats, func(f *format) bool { return f.name == name })
	if i < 0 {
		return nil
	}
	return formats[i]
}

// fill reads a record of this one format.
func (f *format) fill(d *draft) error {
	if f.line != nil && d.text[0] != '{' {
		d.as(f.name)
		return f.line(d)
	}
	if err := d.object(); err != nil {
		return err
	}
	if f.object == nil {
		return reject(ReasonUnknownFormat)
	}
	d.as(f.name)
	return f.object(d)
}

// Remedy is the setting of a gateway that mends a source which does not show the token.
type Remedy struct {
	// Blind is what the records show now, one of event.Visibility*.
	Blind string
	// Advice says in one sentence what the setting does.
	Advice string
	// Setting is what to write into the gateway's configuration.
	Setting string
}

// Remedies returns how a token that a format does not show is made visible, or what to send in its place.
func Remedies(name string) []Remedy {
	if f := formatNamed(name); f != nil {
		return f.remedies
	}
	return nil
}
