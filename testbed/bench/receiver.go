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
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/keytrail/keytrail/internal/gateway"
	"github.com/keytrail/keytrail/receiver/apilogreceiver"
)

const (
	oursAddress = "127.0.0.1:14380"
	peerAddress = "127.0.0.1:14318"
	perBody     = 500

	formatRounds   = 5
	formatRoundFor = 400 * time.Millisecond
)

// benchReceiver prints a row for every format: bodies of that gateway through the whole of api_log, from the bytes to
// the next consumer, beside the core's OTLP JSON decoder on the very events that come out. Both without HTTP, on one
// core.
func benchReceiver() error {
	return oneCore(func() error {
		root, err := repository()
		if err != nil {
			return err
		}
		fmt.Printf("\napi_log in process, one core, bodies of %d records (peer: plog.JSONUnmarshaler on the same events)\n", perBody)
		fmt.Printf("%-14s %10s %10s %9s %9s %6s %12s %11s %10s %8s\n",
			"format", "records/s", "ns/record", "in B", "heap B", "attrs", "allocs/attr", "peer allocs", "peer /s", "ratio")
		failed := 0
		for _, format := range gateway.Formats() {
			if format == gateway.FormatAuto {
				continue // recognises each of the others
			}
			if err := benchFormat(root, format); err != nil {
				fmt.Printf("%-14s %v\n", format, err)
				failed++
			}
		}
		if failed > 0 {
			return fmt.Errorf("%d of %d formats could not be measured", failed, len(gateway.Formats())-1)
		}
		return nil
	})
}

func benchFormat(root, format string) error {
	records, err := corpus(root, format)
	if err != nil {
		return err
	}
	body := batchOf(records, perBody)
	if format == gateway.FormatKong {
		body = kongBody(0, perBody, 1000, time.Now())
	}
	sink, through, stop, err := tappedReceiver(format, body)
	if err != nil {
		return err
	}
	defer stop()
	events, err := (&plog.JSONMarshaler{}).MarshalLogs(sink.all)
	if err != nil {
		return err
	}
	attrs := attributes(sink.all)
	sink.drop = true
	var failed error
	ours := func() int {
		failed = errors.Join(failed, through(body))
		return perBody
	}
	peer := func() int {
		_, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(events)
		failed = errors.Join(failed, err)
		return perBody
	}
	a, b := duelFor(formatRounds, formatRoundFor, ours, peer)
	fmt.Printf("%-14s %10.0f %10.0f %9d %9.0f %6.1f %12.2f %11.2f %10.0f %8.2f\n", format, a.rate, 1e9/a.rate,
		len(body)/perBody, a.bytes, attrs, a.allocs/attrs, b.allocs/attrs, b.rate, a.rate/b.rate)
	return failed
}

// tappedReceiver starts api_log, sends the body over HTTP once, and returns what came out and the way below HTTP.
func tappedReceiver(format string, body []byte) (sink *firstLogs, through func([]byte) error, stop func(), err error) {
	dir, err := os.MkdirTemp("", "keytrail-bench-")
	if err != nil {
		return nil, nil, nil, err
	}
	t, sink := &tap{}, &firstLogs{all: plog.NewLogs()}
	r, err := startLogs(apilogreceiver.NewFactory(), map[string]any{
		"ingest":  map[string]any{"endpoint": oursAddress, "middlewares": []any{map[string]any{"id": tapID.String()}}},
		"keyring": map[string]any{"path": filepath.Join(dir, "ring", "keyring.yaml"), "create": true},
	}, sink, newTapHost(t))
	if err != nil {
		return nil, nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop = func() {
		_ = r.Shutdown(context.Background())
		client.CloseIdleConnections() // the next receiver has the same address
		_ = os.RemoveAll(dir)
	}
	if err = post("http://"+oursAddress+"/ingest/"+format, body); err == nil {
		through, err = t.poster()
	}
	if err != nil {
		stop()
		return nil, nil, nil, err
	}
	if n := sink.all.LogRecordCount(); n != perBody {
		stop()
		return nil, nil, nil, fmt.Errorf("%d events of %d records", n, perBody)
	}
	return sink, through, stop, nil
}

// firstLogs keeps the first body, which comes in parts, and takes the others for nothing.
type firstLogs struct {
	all  plog.Logs
	drop bool
}

func (*firstLogs) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (l *firstLogs) ConsumeLogs(_ context.Context, ld plog.Logs) error {
	if !l.drop {
		ld.ResourceLogs().MoveAndAppendTo(l.all.ResourceLogs())
	}
	return nil
}

func startLogs(f receiver.Factory, settings map[string]any, next consumer.Logs, host component.Host) (receiver.Logs, error) {
	cfg := f.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(settings).Unmarshal(cfg); err != nil {
		return nil, err
	}
	r, err := f.CreateLogs(context.Background(), receivertest.NewNopSettings(f.Type()), cfg, next)
	if err != nil {
		return nil, err
	}
	return r, r.Start(context.Background(), host)
}

// client keeps a connection open for each sender; the default keeps two and would measure handshakes.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: manySenders}}

func post(url string, body []byte) error {
	resp, err := client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s: %.200s", url, resp.Status, said)
	}
	return nil
}

// attributes is the mean number of attributes of a record.
func attributes(ld plog.Logs) float64 {
	n := 0
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				n += lr.Attributes().Len()
			}
		}
	}
	return float64(n) / float64(ld.LogRecordCount())
}
