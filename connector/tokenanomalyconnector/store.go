package tokenanomalyconnector

import (
	"context"
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/keytrail/keytrail/internal/detect"
)

// store keeps the state of the detectors in a storage extension. Losing it costs what was learned, so nothing here
// stops the connector once it runs.
type store struct {
	client storage.Client
	host   component.Host
	log    *zap.Logger
	errors atomic.Uint64
	failed bool // the status that was reported last
}

func (s *store) open(ctx context.Context, set connector.Settings, cfg *Config, host component.Host) error {
	s.log, s.host = set.Logger, host
	s.client = storage.NewNopClient()
	if cfg.StorageID == nil {
		return nil
	}
	ext, ok := host.GetExtensions()[*cfg.StorageID]
	if !ok {
		return fmt.Errorf("`storage` must name a configured extension, found %q", cfg.StorageID)
	}
	st, ok := ext.(storage.Extension)
	if !ok {
		return fmt.Errorf("`storage` must name a storage extension, found %q", cfg.StorageID)
	}
	client, err := st.GetClient(ctx, component.KindConnector, set.ID, "state")
	if err != nil {
		return fmt.Errorf("cannot open storage %q: %w", cfg.StorageID, err)
	}
	s.client = client
	return nil
}

// restore reads what can be read. The rest is counted and learned anew.
func (s *store) restore(ctx context.Context, e *detect.Engine) {
	bad, reason := e.Restore(func(key string) ([]byte, error) { return s.client.Get(ctx, key) })
	if bad > 0 {
		s.errors.Add(uint64(bad))
		s.log.Warn("part of the saved baselines cannot be read and is learned anew", zap.Int("parts", bad), zap.Error(reason))
	}
}

func (s *store) save(ctx context.Context, e *detect.Engine) {
	err := e.Snapshot(func(key string, blob []byte) error { return s.client.Set(ctx, key, blob) })
	switch {
	case err != nil:
		s.errors.Add(1)
		if !s.failed {
			s.failed = true
			s.log.Warn("cannot save the baselines, trying again at every interval", zap.Error(err))
			componentstatus.ReportStatus(s.host, componentstatus.NewRecoverableErrorEvent(fmt.Errorf("cannot save the baselines: %w", err)))
		}
	case s.failed:
		s.failed = false
		componentstatus.ReportStatus(s.host, componentstatus.NewEvent(componentstatus.StatusOK))
	}
}

func (s *store) close(ctx context.Context) error { return s.client.Close(ctx) }
