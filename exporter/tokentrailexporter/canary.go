package tokentrailexporter

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// CanaryConfig says what a planted token that comes through does.
type CanaryConfig struct {
	// StopOnLeak refuses everything after a canary came with one of its tokens, until the collector is restarted.
	StopOnLeak bool `mapstructure:"stop_on_leak"`

	_ struct{}
}

// carrier is the record in which a planted token stood: the closed set of a label.
type carrier string

const (
	carrierCanary carrier = "canary"
	// carrierOther is a record of somebody else. Anybody can write what looks like a planted token into a request, and
	// somebody may yet find a way to write it that the redaction does not read; so this is counted, and stops nothing.
	carrierOther carrier = "other"
)

func (c carrier) with(f form) attribute.Set {
	return attribute.NewSet(attribute.String("record", string(c)), attribute.String("form", string(f)))
}

var errLeaked = errors.New("a canary's token came through unredacted: everything is refused until the collector is restarted")

// meetCanary looks at b.record, which is a canary and goes no further.
func (b *batch) meetCanary() {
	b.t.tel.ExporterTokenTrailCanarySeen.Add(b.ctx, 1)
	end := len(b.buf)
	b.buf = b.record.Append(b.buf)
	b.watch(b.buf[end:], carrierCanary)
	b.buf = b.buf[:end]
}

// watch looks for a planted token in an encoded record.
func (b *batch) watch(encoded []byte, by carrier) {
	if f := findPlanted(encoded); f != "" {
		b.t.leak(b.ctx, by, f)
	}
}

func (t *trail) leak(ctx context.Context, by carrier, f form) {
	t.tel.ExporterTokenTrailCanaryLeaked.Add(ctx, 1, metric.WithAttributeSet(by.with(f)))
	switch {
	case by != carrierCanary:
	case t.cfg.Canary.StopOnLeak:
		t.leaked.Store(true)
		t.status.permanent(fmt.Errorf("%w; it stood there in %s form", errLeaked, f))
	default:
		t.status.problem(problemCanary, fmt.Errorf("a canary's token came through unredacted in %s form: look at what stands between token_owner and token_trail", f))
	}
}

// showCanaries makes the counters appear as zeros: an alert on their increase would miss a series that begins at one.
func (t *trail) showCanaries() {
	ctx := context.Background()
	t.tel.ExporterTokenTrailCanarySeen.Add(ctx, 0)
	for _, by := range []carrier{carrierCanary, carrierOther} {
		for _, f := range []form{formRaw, formPercent, formBase64, formHex, formJSON} {
			t.tel.ExporterTokenTrailCanaryLeaked.Add(ctx, 0, metric.WithAttributeSet(by.with(f)))
		}
	}
}

// refusal is the answer to a batch that comes after a leak, nil while there was none.
func (b *batch) refusal() error {
	if !b.t.leaked.Load() {
		return nil
	}
	b.reject(len(b.ends)+b.epochs+b.unredacted, rejectLeak) // whatever else might be wrong with them
	return consumererror.NewPermanent(errLeaked)
}
