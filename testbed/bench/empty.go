package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"syscall"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/confighttp"
)

// serveEmpty is the peer of every load over HTTP: the Collector's own server around a handler that only reads the
// body.
func serveEmpty(address string) error {
	cfg := confighttp.NewDefaultServerConfig()
	cfg.NetAddr.Endpoint = address
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusOK)
	})
	extensions := map[component.ID]component.Component{}
	srv, err := cfg.ToServer(context.Background(), extensions, componenttest.NewNopTelemetrySettings(), handler)
	if err != nil {
		return err
	}
	ln, err := cfg.ToListener(context.Background())
	if err != nil {
		return err
	}
	return srv.Serve(ln)
}

// withEmptyHandler runs f beside the peer in a process of its own, as the collector is.
func withEmptyHandler(f func() error) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, "-serve-empty", peerAddress)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err = listening(peerAddress); err == nil {
		err = f()
	}
	err = errors.Join(err, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	return err
}
