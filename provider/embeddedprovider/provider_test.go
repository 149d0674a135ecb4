package embeddedprovider

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"

	"github.com/keytrail/keytrail/config"
)

func open(t *testing.T) confmap.Provider {
	p := NewFactory().Create(confmap.ProviderSettings{})
	t.Cleanup(func() { require.NoError(t, p.Shutdown(t.Context())) })
	return p
}

func TestEveryShippedConfigurationIsThere(t *testing.T) {
	p := open(t)
	require.NoError(t, confmaptest.ValidateProviderScheme(p))
	files, err := fs.Glob(config.Files, "*.yaml")
	require.NoError(t, err)
	require.Contains(t, files, "quickstart.yaml")
	for _, file := range files {
		want, err := confmaptest.LoadConf("../../config/" + file)
		require.NoError(t, err)
		for _, name := range []string{file, strings.TrimSuffix(file, ".yaml")} {
			got, err := p.Retrieve(t.Context(), "embedded:"+name, nil)
			require.NoError(t, err, name)
			conf, err := got.AsConf()
			require.NoError(t, err, name)
			assert.Equal(t, want.ToStringMap(), conf.ToStringMap(), name)
		}
	}
}

func TestWhatIsNoNameIsRefused(t *testing.T) {
	p := open(t)
	for _, name := range []string{"", "nothing", "../config/quickstart", "./quickstart", "/etc/passwd", "quick*", "embed.go", "quickstart.yaml.yaml"} {
		_, err := p.Retrieve(t.Context(), "embedded:"+name, nil)
		require.ErrorContains(t, err, "is embedded, there are: ", name)
		require.ErrorContains(t, err, "quickstart", name)
	}
	_, err := p.Retrieve(t.Context(), "file:quickstart", nil)
	require.EqualError(t, err, `"file:quickstart" uri is not supported by the "embedded" provider`)
}

func TestTheCollectorResolvesIt(t *testing.T) {
	r, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs:              []string{"embedded:quickstart"},
		ProviderFactories: []confmap.ProviderFactory{NewFactory(), envprovider.NewFactory()},
	})
	require.NoError(t, err)
	conf, err := r.Resolve(t.Context())
	require.NoError(t, err)
	assert.True(t, conf.IsSet("service::pipelines"))
	require.NoError(t, r.Shutdown(t.Context()))
}
