package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/keytrail/keytrail/receiver/apilogreceiver"
)

const (
	oursAddress = "127.0.0.1:14380"
	peerAddress = "127.0.0.1:14318"
	perBody     = 500
)

// benchReceiver posts Kong records to api_log and the very events that it makes of them, as OTLP JSON, to the core
// receiver; both over loopback with a client in the same process, on one core.
func benchReceiver() error {
	return oneCore(func() error {
		dir, err := os.MkdirTemp("", "keytrail-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		body := kongBody(0, perBody, 1000, time.Now())
		sink := &lastLogs{}
		ours, err := startLogs(apilogreceiver.NewFactory(), map[string]any{
			"ingest": map[string]any{"endpoint": oursAddress}, "keyring": map[string]any{"path": filepath.Join(dir, "ring", "keyring.yaml"), "create": true},
		}, sink)
		if err != nil {
			return err
		}
		defer func() { _ = ours.Shutdown(context.Background()) }()
		if err := post("http://"+oursAddress+"/ingest/kong", body); err != nil {
			return err
		}
		events, err := (&plog.JSONMarshaler{}).MarshalLogs(sink.last)
		if err != nil {
			return err
		}
		attrs := attributes(sink.last)
		peer, err := startLogs(otlpreceiver.NewFactory(), map[string]any{"protocols": map[string]any{"http": map[string]any{"endpoint": peerAddress}}}, consumertest.NewNop())
		if err != nil {
			return err
		}
		defer func() { _ = peer.Shutdown(context.Background()) }()
		sink.drop = true

		var failed error
		send := func(url string, body []byte) func() int {
			return func() int {
				failed = errors.Join(failed, post(url, body))
				return perBody
			}
		}
		a, b := duel(send("http://"+oursAddress+"/ingest/kong", body), send("http://"+peerAddress+"/v1/logs", events))
		row(fmt.Sprintf("1 Kong records, %d B, %d attributes (peer: otlp JSON, %d B)", len(body)/perBody, attrs, len(events)/perBody), "/s", a.rate, b.rate)
		row("  allocations an attribute", "", a.allocs/float64(attrs), b.allocs/float64(attrs))
		return failed
	})
}

// lastLogs keeps the last batch it was given.
type lastLogs struct {
	last plog.Logs
	drop bool
}

func (*lastLogs) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (l *lastLogs) ConsumeLogs(_ context.Context, ld plog.Logs) error {
	if !l.drop {
		l.last = ld
	}
	return nil
}

func startLogs(f receiver.Factory, settings map[string]any, next consumer.Logs) (receiver.Logs, error) {
	cfg := f.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(settings).Unmarshal(cfg); err != nil {
		return nil, err
	}
	r, err := f.CreateLogs(context.Background(), receivertest.NewNopSettings(f.Type()), cfg, next)
	if err != nil {
		return nil, err
	}
	return r, r.Start(context.Background(), componenttest.NewNopHost())
}

var _ component.Component = (receiver.Logs)(nil)

// client keeps a connection open for each sender; the default keeps two and would measure handshakes.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: manySenders}}

func post(url string, body []byte) error {
	resp, err := client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	return nil
}

// attributes is the mean number of attributes of a record.
func attributes(ld plog.Logs) int {
	n := 0
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				n += lr.Attributes().Len()
			}
		}
	}
	return n / ld.LogRecordCount()
}
