package dashboards

import (
	"encoding/json"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/keytrail/keytrail/internal/loki"
)

type source struct {
	Type string `json:"type" yaml:"type"`
	UID  string `json:"uid" yaml:"uid"`
}

type dashboard struct {
	UID           string `json:"uid"`
	Title         string `json:"title"`
	SchemaVersion int    `json:"schemaVersion"`
	Templating    struct {
		List []struct {
			Name string `json:"name"`
			Type string `json:"type"`
		} `json:"list"`
	} `json:"templating"`
	Panels []struct {
		ID         int                      `json:"id"`
		Type       string                   `json:"type"`
		Title      string                   `json:"title"`
		Datasource *source                  `json:"datasource"`
		GridPos    struct{ H, W, X, Y int } `json:"gridPos"`
		Targets    []struct {
			RefID      string  `json:"refId"`
			Expr       string  `json:"expr"`
			Datasource *source `json:"datasource"`
		} `json:"targets"`
	} `json:"panels"`
}

func decode(t *testing.T, name string, v any) {
	t.Helper()
	b, err := fs.ReadFile(Files, name)
	require.NoError(t, err)
	if strings.HasSuffix(name, ".json") {
		require.NoError(t, json.Unmarshal(b, v), name)
		return
	}
	require.NoError(t, yaml.Unmarshal(b, v), name)
}

var variable = regexp.MustCompile(`\$(\w+)`)

// Grafana says nothing of a panel whose source it does not know: it shows none. So each panel's source stands in the
// provisioning, each variable is declared, and no two panels share a place.
func TestDashboardsNameWhatExists(t *testing.T) {
	var provisioned struct {
		Datasources []source `yaml:"datasources"`
	}
	decode(t, "provisioning/datasources/keytrail.yaml", &provisioned)
	names, err := fs.Glob(Files, "*.json")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		var d dashboard
		decode(t, name, &d)
		require.NotEmpty(t, d.UID)
		require.GreaterOrEqual(t, d.SchemaVersion, 39)
		known := map[string]bool{"__range": true, "__auto": true, "__rate_interval": true}
		for _, v := range d.Templating.List {
			known[v.Name] = true
		}
		ids, cells := map[int]bool{}, map[[2]int]string{}
		for _, p := range d.Panels {
			require.False(t, ids[p.ID], "panel id %d stands twice", p.ID)
			ids[p.ID] = true
			require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					require.Empty(t, cells[[2]int{x, y}], "%q lies over another panel", p.Title)
					cells[[2]int{x, y}] = p.Title
				}
			}
			if p.Type == "row" {
				continue
			}
			require.NotEmpty(t, p.Targets, p.Title)
			for _, q := range p.Targets {
				require.NotEmpty(t, q.RefID)
				require.Contains(t, provisioned.Datasources, *q.Datasource, p.Title)
				require.Equal(t, p.Datasource, q.Datasource, p.Title)
				for _, m := range variable.FindAllStringSubmatch(q.Expr, -1) {
					require.True(t, known[m[1]], "%q uses the variable %q, which nobody declares", p.Title, m[1])
				}
			}
		}
	}
}

// Every metric that a panel or a rule asks for is one that a component documents.
func TestMetricsAreThoseOfTheComponents(t *testing.T) {
	var documented strings.Builder
	for _, path := range []string{"exporter/tokentrailexporter", "receiver/apilogreceiver", "processor/tokenownerprocessor"} {
		b, err := os.ReadFile("../" + path + "/documentation.md")
		require.NoError(t, err)
		documented.Write(b)
	}
	emit, err := os.ReadFile("../connector/tokenanomalyconnector/emit.go")
	require.NoError(t, err)
	suffix := regexp.MustCompile(`_(total|seconds)$`)
	for _, name := range []string{"token-overview.json", "rules.yaml"} {
		b, err := fs.ReadFile(Files, name)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`\b(otelcol_\w+|keytrail_anomaly_\w+)`).FindAllString(string(b), -1) {
			if strings.HasPrefix(m, "otelcol_") {
				require.Contains(t, documented.String(), "### "+m+"\n", name)
				continue
			}
			dotted := strings.Replace(suffix.ReplaceAllString(m, ""), "keytrail_anomaly_", "keytrail.anomaly.", 1)
			require.Regexp(t, `"`+strings.ReplaceAll(dotted, "last_alert_timestamp", "last_alert.timestamp")+`"`, string(emit), name)
		}
	}
}

type lokiLimits struct {
	Limits    map[string]any `yaml:"limits_config"`
	Compactor map[string]any `yaml:"compactor"`
}

// The Loki of deploy/ keeps the shipped classes as long as they promise: what the command would generate.
func TestDeployedLokiKeepsTheShippedClasses(t *testing.T) {
	const day = 24 * time.Hour
	generated, err := loki.Retention([]loki.Class{{Name: "full", Keep: 7 * day}, {Name: "trail", Keep: 90 * day}, {Name: "security", Keep: 400 * day}}, "filesystem")
	require.NoError(t, err)
	deployed, err := os.ReadFile("../deploy/compose/loki.yaml")
	require.NoError(t, err)
	var want, got lokiLimits
	require.NoError(t, yaml.Unmarshal(generated, &want))
	require.NoError(t, yaml.Unmarshal(deployed, &got))
	delete(got.Compactor, "working_directory")
	require.Equal(t, want, got)
}

// Every file that compose mounts exists, and each image has a version.
func TestComposeNamesFilesAndVersions(t *testing.T) {
	var compose struct {
		Services map[string]struct {
			Image   string   `yaml:"image"`
			Volumes []string `yaml:"volumes"`
			Ports   []string `yaml:"ports"`
		} `yaml:"services"`
	}
	b, err := os.ReadFile("../deploy/compose.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(b, &compose))
	require.Len(t, compose.Services, 4)
	for name, s := range compose.Services {
		if s.Image != "" {
			require.Regexp(t, `:v?\d+\.\d+\.\d+$`, s.Image, name)
		}
		for _, v := range s.Volumes {
			if from, _, _ := strings.Cut(v, ":"); strings.HasPrefix(from, ".") {
				_, err := os.Stat("../deploy/" + from)
				require.NoError(t, err, name)
			}
		}
		for _, p := range s.Ports {
			require.True(t, strings.HasPrefix(p, "127.0.0.1:"), "%s publishes %s to everybody", name, p)
		}
	}
}
