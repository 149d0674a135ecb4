package tokenownerprocessor

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/privacy"
)

var (
	yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	tomlBlock = regexp.MustCompile("(?s)```toml\n(.*?)```")
	// metricRow is a row of a table that begins with the names of metrics.
	metricRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)`(?:, `([a-z_]+)`)* \\|")
)

func page(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../docs", name))
	require.NoError(t, err)
	return string(b)
}

// configs are the configurations of this processor that a page shows.
func configs(t *testing.T, text string) (all []*Config) {
	t.Helper()
	for _, m := range yamlBlock.FindAllStringSubmatch(text, -1) {
		got, err := confmap.NewRetrievedFromYAML([]byte(m[1]))
		require.NoError(t, err)
		conf, err := got.AsConf()
		require.NoError(t, err)
		if !conf.IsSet("processors::token_owner") {
			continue
		}
		sub, err := conf.Sub("processors::token_owner")
		require.NoError(t, err)
		cfg := createDefaultConfig().(*Config)
		require.NoError(t, sub.Unmarshal(cfg), m[1])
		require.NoError(t, confmap.Validate(cfg), m[1])
		all = append(all, cfg)
	}
	require.NotEmpty(t, all)
	return all
}

func TestConfigurationsOnThePagesAreValid(t *testing.T) {
	configs(t, page(t, "redaction.md"))
	configs(t, page(t, "privacy.md"))
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	configs(t, string(readme))
}

func TestTheRuleOnThePageDoesWhatThePageSays(t *testing.T) {
	text := page(t, "redaction.md")
	rules := tomlBlock.FindStringSubmatch(text)
	require.NotNil(t, rules)
	_, edit := withRules(t, rules[1])
	b := newBench(t, edit)
	query := regexp.MustCompile(`GET /cart\?(\S+) `).FindStringSubmatch(text)
	require.NotNil(t, query)
	out := b.sendLogs(t, context.Background(), request(func(lr plog.LogRecord) { lr.Attributes().PutStr(event.KeyQuery, query[1]) }))
	said := regexp.MustCompile(`"url\.query":"([^"]+)"`).FindStringSubmatch(text)
	require.NotNil(t, said)
	require.Equal(t, said[1], strOf(records(out)[0].Attributes(), event.KeyQuery))
}

func TestThePageNamesEveryRuledMetricAndSetting(t *testing.T) {
	text := page(t, "redaction.md")
	metrics, err := os.ReadFile("metadata.yaml")
	require.NoError(t, err)
	for _, m := range metricRow.FindAllStringSubmatch(text[strings.Index(text, "## Metrics"):], -1) {
		for _, name := range m[1:] {
			require.Contains(t, string(metrics), "processor_token_owner_"+name, "documented and gone")
		}
	}
	text = page(t, "privacy.md")
	for _, name := range privacy.ChangeNames { // which are those of the settings
		require.Contains(t, text, name+":")
	}
}
