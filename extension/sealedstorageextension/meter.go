package sealedstorageextension

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/keytrail/keytrail/extension/sealedstorageextension/internal/metadata"
)

// meter counts; the attribute sets are made once because a queue reads and writes thousands of values a second.
type meter struct {
	builder *metadata.TelemetryBuilder
	reasons map[reason]metric.MeasurementOption
}

func newMeter(b *metadata.TelemetryBuilder) *meter {
	m := &meter{builder: b, reasons: map[reason]metric.MeasurementOption{}}
	for r := range explanations {
		m.reasons[r] = metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", string(r))))
	}
	return m
}

func (m *meter) sealed(ctx context.Context, n int) {
	if n > 0 {
		m.builder.ExtensionSealedStorageValuesSealed.Add(ctx, int64(n))
	}
}

// opened counts one attempt by its outcome.
func (m *meter) opened(ctx context.Context, err error) {
	if err == nil {
		m.builder.ExtensionSealedStorageValuesOpened.Add(ctx, 1)
		return
	}
	m.failed(ctx, err)
}

func (m *meter) failed(ctx context.Context, err error) {
	var failure *openError
	if errors.As(err, &failure) {
		m.builder.ExtensionSealedStorageOpenFailures.Add(ctx, 1, m.reasons[failure.reason])
	}
}

func (m *meter) shutdown() { m.builder.Shutdown() }
