package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

const captureAddress = "localhost:4381"

// authLoads are requests a second to /auth, beside which ingest runs at ingestBeside events a second.
var authLoads = []int{1_000, 5_000}

const ingestBeside = 5_000

// benchCapture measures how long a gateway's sub-request waits: with nothing else to do, and beside the load of the
// same collector's own ingest.
func benchCapture() error {
	fmt.Printf("\ncapture: GET /auth, open loop over %d connections, %d s each (budget: p99 ≤ 2 ms beside its own load)\n", openLoopConns, int(openLoopFor.Seconds()))
	latencyHead()
	dir, err := os.MkdirTemp("", "keytrail-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, rate := range authLoads {
		err := withCollector(filepath.Join(dir, fmt.Sprint(rate)), func(int) error { return captureRows(rate) },
			"--set=receivers.api_log.capture.endpoint="+captureAddress, "--set=receivers.api_log.capture.gateway=nginx")
		if err != nil {
			return err
		}
		err = withEmptyHandler(func() error {
			return latencyRow(fmt.Sprintf("empty handler, %d requests/s", rate), authLoop(peerAddress, rate))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func captureRows(rate int) error {
	if err := listening(captureAddress); err != nil {
		return err
	}
	if err := warmUp(ingestAddress); err != nil {
		return err
	}
	if err := latencyRow(fmt.Sprintf("/auth, %d requests/s", rate), authLoop(captureAddress, rate)); err != nil {
		return err
	}
	var beside measured
	var besideErr error
	var wg sync.WaitGroup
	wg.Go(func() { beside, besideErr = ingestLoop(ingestAddress, ingestBeside).run() })
	err := latencyRow(fmt.Sprintf("/auth, %d requests/s beside %d events/s", rate, ingestBeside), authLoop(captureAddress, rate))
	wg.Wait()
	if err := errors.Join(err, besideErr); err != nil {
		return err
	}
	printLatency(fmt.Sprintf("  the ingest beside it, %d events/s", ingestBeside), ingestBeside/perPost, beside)
	return nil
}

func authLoop(address string, rate int) openLoop {
	return openLoop{
		address: address, rate: rate, length: openLoopFor, conns: openLoopConns,
		next: func(int) func(int64) []byte {
			var b []byte
			return func(seq int64) []byte {
				b = fmt.Appendf(b[:0], "GET /auth HTTP/1.1\r\nHost: %s\r\nX-Original-Method: GET\r\nX-Original-URI: /v1/orders/%d?page=2\r\n"+
					"X-Original-Host: api.example.com\r\nX-Real-IP: 192.0.2.%d\r\nX-Original-Request-Id: %032x\r\nUser-Agent: orders-sync/3.1 (linux)\r\n"+
					"Accept: application/json\r\nAccept-Encoding: gzip\r\nAuthorization: Bearer bench-token-%012d\r\n\r\n",
					address, 100000+seq%900000, seq%250, seq, seq*7919%liveTokens)
				return b
			}
		},
	}
}
