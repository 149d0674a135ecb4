package embeddedprovider

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"go.opentelemetry.io/collector/confmap"

	"github.com/keytrail/keytrail/config"
)

const (
	scheme    = "embedded"
	extension = ".yaml"
)

// NewFactory returns the factory of the provider for the scheme "embedded":
//
//	embedded-uri = "embedded:" name [ ".yaml" ]
func NewFactory() confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider {
		return &provider{files: config.Files}
	})
}

type provider struct{ files fs.ReadFileFS }

func (p *provider) Retrieve(_ context.Context, uri string, _ confmap.WatcherFunc) (*confmap.Retrieved, error) {
	name, ok := strings.CutPrefix(uri, scheme+":")
	if !ok {
		return nil, fmt.Errorf("%q uri is not supported by the %q provider", uri, scheme)
	}
	name = strings.TrimSuffix(name, extension)
	// The file system below reads by path; only a name of the list is one, whatever else it might resolve.
	names, err := p.names()
	if err != nil {
		return nil, err
	}
	for _, known := range names {
		if known != name {
			continue
		}
		content, err := p.files.ReadFile(name + extension)
		if err != nil {
			return nil, err
		}
		return confmap.NewRetrievedFromYAML(content)
	}
	return nil, fmt.Errorf("no configuration %q is embedded, there are: %s", name, strings.Join(names, ", "))
}

func (p *provider) names() ([]string, error) {
	paths, err := fs.Glob(p.files, "*"+extension)
	if err != nil {
		return nil, err
	}
	for i := range paths {
		paths[i] = strings.TrimSuffix(paths[i], extension)
	}
	return paths, nil
}

func (*provider) Scheme() string { return scheme }

func (*provider) Shutdown(context.Context) error { return nil }
