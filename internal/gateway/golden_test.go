package gateway

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/keytrail/keytrail/internal/event"
)

var update = flag.Bool("update", false, "write what comes out into testdata as what should")

// TestGolden reads testdata/<format>/<story>.txtar: what a gateway sends, and the events that become of it.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		format := filepath.Base(filepath.Dir(file))
		t.Run(format+"/"+strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			story, err := txtar.ParseFile(file)
			require.NoError(t, err)
			in, want := section(story, "in"), section(story, "out")
			p, err := New(format, storyOptions(t, story))
			require.NoError(t, err)
			got := "\n" + render(p, in)
			if *update {
				write(t, file, story, got[1:])
				return
			}
			require.Equal(t, "\n"+string(want), got)
		})
	}
}

func section(a *txtar.Archive, name string) []byte {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func write(t *testing.T, file string, a *txtar.Archive, out string) {
	kept := a.Files[:0]
	for _, f := range a.Files {
		if f.Name != "out" {
			kept = append(kept, f)
		}
	}
	a.Files = append(kept, txtar.File{Name: "out", Data: []byte(out)})
	require.NoError(t, os.WriteFile(file, txtar.Format(a), 0o644))
}

func storyOptions(t testing.TB, a *txtar.Archive) Options {
	var config struct {
		Mapping        map[string]string `yaml:"mapping"`
		TrustedProxies []string          `yaml:"trusted_proxies"`
	}
	require.NoError(t, yaml.Unmarshal(section(a, "config.yaml"), &config))
	o := Options{Mapping: config.Mapping}
	for _, p := range config.TrustedProxies {
		o.TrustedProxies = append(o.TrustedProxies, netip.MustParsePrefix(p))
	}
	return o
}

// render writes events as a person would check them: one line a field.
func render(p Parser, body []byte) string {
	bundle, err := Open(body, OpenLimits{})
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	if bundle.Carrier != "" {
		fmt.Fprintf(&b, "carrier %s delivery %q\n", bundle.Carrier, bundle.DeliveryID)
	}
	for i, rec := range bundle.Records {
		fmt.Fprintf(&b, "record %d\n", i)
		renderCarried(&b, rec.Carried)
		if rec.Reject != "" {
			fmt.Fprintf(&b, "  rejected %s\n", rec.Reject)
			continue
		}
		var r event.Record
		claimed, err := p.Parse(rec.Raw, &r)
		var refused *RejectError
		switch {
		case errors.As(err, &refused):
			fmt.Fprintf(&b, "  rejected %s\n", refused.Reason)
		case err != nil:
			fmt.Fprintf(&b, "  error of the wrong type: %v\n", err)
		default:
			renderRecord(&b, claimed, &r)
		}
	}
	return b.String()
}

func renderRecord(b *strings.Builder, claimed time.Time, r *event.Record) {
	if !claimed.IsZero() {
		fmt.Fprintf(b, "  time %s\n", claimed.Format(time.RFC3339Nano))
	}
	fmt.Fprintf(b, "  %s severity %d\n", r.Name, r.Severity)
	if r.TraceID != [16]byte{} {
		fmt.Fprintf(b, "  trace %s span %s\n", hex.EncodeToString(r.TraceID[:]), hex.EncodeToString(r.SpanID[:]))
	}
	renderAuth(b, r)
	for _, a := range r.Resource {
		fmt.Fprintf(b, "  resource %s = %s\n", a.Key, a.Value.AppendJSON(nil))
	}
	for _, a := range r.Attrs {
		fmt.Fprintf(b, "  %s = %s\n", a.Key, a.Value.AppendJSON(nil))
	}
}

func renderAuth(b *strings.Builder, r *event.Record) {
	for _, f := range []struct{ name, value string }{
		{"credential_id", r.Auth.CredentialID}, {"kind", r.Auth.Kind}, {"principal", r.Auth.Principal},
		{"mtls_subject", r.Auth.MTLSSubject}, {"mtls_fingerprint", r.Auth.MTLSFingerprint},
		{"token_sha256", r.Auth.TokenSHA256},
	} {
		if f.value != "" {
			fmt.Fprintf(b, "  auth.%s = %q\n", f.name, f.value)
		}
	}
	if r.Auth.MTLSVerified {
		fmt.Fprintln(b, "  auth.mtls_verified")
	}
	if r.Auth.Authenticated {
		fmt.Fprintln(b, "  auth.authenticated")
	}
	if r.Sequence != 0 {
		fmt.Fprintf(b, "  sequence %d\n", r.Sequence)
	}
}

func renderCarried(b *strings.Builder, c *Carried) {
	if c == nil {
		return
	}
	fmt.Fprintf(b, "  carried id %q time %s\n", c.ID, c.Time.Format(time.RFC3339Nano))
	for _, list := range []event.Attrs{c.Resource, c.Attrs} {
		for _, a := range list {
			fmt.Fprintf(b, "  carried %s = %s\n", a.Key, a.Value.AppendJSON(nil))
		}
	}
}
