package apilogreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/keytrail/keytrail/receiver/apilogreceiver/internal/metadata"
)

const (
	defaultEndpoint = "localhost:4380"

	// defaultMaxBody is confighttp's own default, set here so that the configuration shows it.
	defaultMaxBody = 20 << 20

	// A sender that needs more than this for one body is stuck or hostile; it holds memory while it talks.
	defaultReadTimeout = 30 * time.Second

	// The answer waits for the next consumer to make the records durable: twice a slow disk's worst case.
	defaultWriteTimeout = time.Minute
)

// NewFactory returns the factory of the api_log receiver.
func NewFactory() receiver.Factory {
	return receiver.NewFactory(metadata.Type, createDefaultConfig,
		receiver.WithLogs(createLogs, metadata.LogsStability))
}

func createDefaultConfig() component.Config {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = defaultEndpoint
	server.MaxRequestBodySize = defaultMaxBody
	server.ReadTimeout = defaultReadTimeout
	server.WriteTimeout = defaultWriteTimeout
	server.CompressionAlgorithms = []string{encodingNone, encodingGzip, encodingZstd}
	return &Config{
		Ingest:  IngestConfig{ServerConfig: server},
		Capture: configoptional.Default(newDefaultCapture()),
		Limits:  newDefaultLimits(),
	}
}

func createLogs(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
	return newReceiver(set, cfg.(*Config), next)
}
