package tokentrailexporter

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/keytrail/keytrail/exporter/tokentrailexporter/internal/metadata"
)

// NewFactory makes the factory of the token_trail exporter.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(metadata.Type, createDefaultConfig,
		exporter.WithLogs(createLogs, metadata.LogsStability),
		exporter.WithTraces(createTraces, metadata.TracesStability))
}

func createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	e := &trailExporter{set: set, cfg: cfg.(*Config)}
	return exporterhelper.NewLogs(ctx, set, cfg, e.consumeLogs, e.options()...)
}

func createTraces(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
	e := &trailExporter{set: set, cfg: cfg.(*Config)}
	return exporterhelper.NewTraces(ctx, set, cfg, e.consumeTraces, e.options()...)
}

// options leave out exporterhelper's queue and retries: the journal is the queue, and an error must reach the
// sender, who alone still has what was not acknowledged. There is no timeout either: the sender's own ends the wait.
func (e *trailExporter) options() []exporterhelper.Option {
	return []exporterhelper.Option{
		exporterhelper.WithStart(e.start),
		exporterhelper.WithShutdown(e.shutdown),
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}),
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{Timeout: 0}),
	}
}
