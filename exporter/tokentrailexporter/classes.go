package tokentrailexporter

import (
	"context"
	"errors"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/metric/noop"
	nooptrace "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

// condition is a compiled `when`; nil is every event.
type condition = *ottl.Condition[*ottllog.TransformContext]

// compile parses an OTTL condition on a log record. Nothing of it needs a running collector, so Validate does it too.
func compile(when string) (condition, error) {
	if when == "" {
		return nil, nil
	}
	parser, err := ottllog.NewParser(ottlfuncs.StandardConverters[*ottllog.TransformContext](), component.TelemetrySettings{
		Logger:         zap.NewNop(),
		MeterProvider:  noop.NewMeterProvider(),
		TracerProvider: nooptrace.NewTracerProvider(),
	}, ottllog.EnablePathContextNames())
	if err != nil {
		return nil, err
	}
	return parser.ParseCondition(when)
}

// classifier finds the classes that want an event.
type classifier struct {
	names      []string
	conditions []condition
}

func newClassifier(classes []ClassConfig) (*classifier, error) {
	c := &classifier{}
	var errs []error
	for _, cl := range classes {
		cond, err := compile(cl.When)
		errs = append(errs, err)
		c.names = append(c.names, cl.Class.Name)
		c.conditions = append(c.conditions, cond)
	}
	return c, errors.Join(errs...)
}

// appendTo appends the names of the classes that want the record. A condition that cannot be evaluated, because a
// field is of another type than it expects, keeps the event: whoever shapes a request must not be able to shape it
// out of a class. failed is told of it.
func (c *classifier) appendTo(
	ctx context.Context, into []string, rl plog.ResourceLogs, sl plog.ScopeLogs, lr plog.LogRecord, failed func(class string),
) []string {
	var tc *ottllog.TransformContext
	for i, cond := range c.conditions {
		if cond == nil {
			into = append(into, c.names[i])
			continue
		}
		if tc == nil {
			tc = ottllog.NewTransformContextPtr(rl, sl, lr)
		}
		wanted, err := cond.Eval(ctx, tc)
		if err != nil {
			failed(c.names[i])
		}
		if wanted || err != nil {
			into = append(into, c.names[i])
		}
	}
	if tc != nil {
		tc.Close()
	}
	return into
}
