package loki

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// Class is what Loki must know of a retention class.
type Class struct {
	Name string
	Keep time.Duration
}

// oldestEvent is how late an event may arrive and still keep its own time.
const oldestEvent = 30 * 24 * time.Hour

// minPeriod is Loki's least retention of a stream.
const minPeriod = 24 * time.Hour

const retentionHead = `# Loki keeps each retention class as long as the archive does. Made by Keytrail from its classes; merge it into Loki's
# own configuration. Retention deletes nothing unless the compactor runs it, and is not retroactive: what was stored under
# a longer period keeps that one's chunks until they are looked at again.
`

// lokiConfig is the part of Loki's configuration that speaks of the trail.
type lokiConfig struct {
	Limits    limitsConfig    `yaml:"limits_config"`
	Compactor compactorConfig `yaml:"compactor"`
}

type limitsConfig struct {
	RetentionStream         []streamRetention `yaml:"retention_stream"`
	AllowStructuredMetadata bool              `yaml:"allow_structured_metadata"`
	RejectOldSamplesMaxAge  string            `yaml:"reject_old_samples_max_age"`
	MaxQueryLookback        string            `yaml:"max_query_lookback"`
	ShardStreams            shardStreams      `yaml:"shard_streams"`
	DeletionMode            string            `yaml:"deletion_mode"`
}

type streamRetention struct {
	Selector string `yaml:"selector"`
	Priority int    `yaml:"priority"`
	Period   string `yaml:"period"`
}

// shardStreams with time sharding gives late entries a stream of their own; without it, Loki refuses what is more than
// an hour behind the newest entry of its stream.
type shardStreams struct {
	Enabled             bool `yaml:"enabled"`
	TimeShardingEnabled bool `yaml:"time_sharding_enabled"`
}

type compactorConfig struct {
	RetentionEnabled   bool   `yaml:"retention_enabled"`
	DeleteRequestStore string `yaml:"delete_request_store"`
}

// Retention writes the part of Loki's configuration that keeps what the classes promise: a period for each class, late
// events accepted, deletion allowed. deleteStore is where Loki keeps deletions: filesystem, s3, …
func Retention(classes []Class, deleteStore string) ([]byte, error) {
	if deleteStore == "" {
		return nil, errors.New("`delete_request_store` must name an object store of Loki, such as filesystem or s3, found nothing")
	}
	c := lokiConfig{
		Limits: limitsConfig{
			AllowStructuredMetadata: true, RejectOldSamplesMaxAge: hours(oldestEvent), MaxQueryLookback: "0s",
			ShardStreams: shardStreams{Enabled: true, TimeShardingEnabled: true}, DeletionMode: "filter-and-delete",
		},
		Compactor: compactorConfig{RetentionEnabled: true, DeleteRequestStore: deleteStore},
	}
	for i, class := range classes {
		if class.Keep < minPeriod {
			return nil, fmt.Errorf("class %q: `keep` must be at least %s, the least that Loki keeps a stream, found %s", class.Name, minPeriod, class.Keep)
		}
		// A class is kept to the end of the event's day plus its time; Loki counts from the entry, so never longer.
		c.Limits.RetentionStream = append(c.Limits.RetentionStream, streamRetention{
			Selector: "{" + LabelClass + "=" + strconv.Quote(class.Name) + "}", Priority: i + 1, Period: hours(class.Keep),
		})
	}
	var b bytes.Buffer
	b.WriteString(retentionHead)
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(c); err != nil {
		return nil, err
	}
	return b.Bytes(), e.Close()
}

// hours renders whole hours, the largest unit that every duration of Loki's configuration takes.
func hours(d time.Duration) string { return strconv.Itoa(int(d/time.Hour)) + "h" }
