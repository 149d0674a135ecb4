package tokenownerprocessor

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/processor/tokenownerprocessor/internal/metadata"
)

// NewFactory makes the factory of the token_owner processor.
func NewFactory() processor.Factory {
	return processor.NewFactory(metadata.Type, createDefaultConfig,
		processor.WithLogs(createLogs, metadata.LogsStability),
		processor.WithTraces(createTraces, metadata.TracesStability))
}

var capabilities = consumer.Capabilities{MutatesData: true}

func createLogs(
	ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Logs,
) (processor.Logs, error) {
	p, err := newProcessor(set, cfg.(*Config), "logs")
	if err != nil {
		return nil, err
	}
	// What leaves here is sealed, and the context says so to a second token_owner further down.
	marked, err := consumer.NewLogs(func(ctx context.Context, ld plog.Logs) error {
		return next.ConsumeLogs(event.Trusted(ctx), ld)
	}, consumer.WithCapabilities(next.Capabilities()))
	if err != nil {
		return nil, err
	}
	p.outlet = newOutlet(marked)
	return processorhelper.NewLogs(ctx, set, cfg, marked, p.processLogs,
		processorhelper.WithCapabilities(capabilities),
		processorhelper.WithStart(p.start), processorhelper.WithShutdown(p.shutdown))
}

func createTraces(
	ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Traces,
) (processor.Traces, error) {
	p, err := newProcessor(set, cfg.(*Config), "traces")
	if err != nil {
		return nil, err
	}
	marked, err := consumer.NewTraces(func(ctx context.Context, td ptrace.Traces) error {
		return next.ConsumeTraces(event.Trusted(ctx), td)
	}, consumer.WithCapabilities(next.Capabilities()))
	if err != nil {
		return nil, err
	}
	return processorhelper.NewTraces(ctx, set, cfg, marked, p.processTraces,
		processorhelper.WithCapabilities(capabilities),
		processorhelper.WithStart(p.start), processorhelper.WithShutdown(p.shutdown))
}
