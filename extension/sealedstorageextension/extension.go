package sealedstorageextension

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/seal"
)

type sealedStorage struct {
	config  *Config
	logger  *zap.Logger
	meter   *meter
	host    component.Host
	keyring *fingerprint.Keyring // nil with a configured key
	keys    keySource
}

var (
	_ storage.Extension               = (*sealedStorage)(nil)
	_ extensioncapabilities.Dependent = (*sealedStorage)(nil)
)

// Dependencies makes the Collector start the wrapped storage first.
func (s *sealedStorage) Dependencies() []component.ID { return []component.ID{s.config.Storage} }

func (s *sealedStorage) Start(_ context.Context, host component.Host) error {
	previous, err := decodeKeys(s.config.PreviousKeys)
	if err != nil {
		return err
	}
	if s.config.Keyring.HasValue() {
		err = s.startKeyring(previous)
	} else {
		err = s.startKey(previous)
	}
	if err != nil {
		return err
	}
	s.host = host
	return nil
}

func (s *sealedStorage) startKey(previous [][]byte) error {
	key, err := seal.DecodeKey(string(s.config.Key))
	if err != nil {
		return fmt.Errorf("`key` %w", err)
	}
	sealer, err := newSealer(append([][]byte{key}, previous...)...)
	if err != nil {
		return err
	}
	s.keys = fixed{sealer}
	return nil
}

func (s *sealedStorage) startKeyring(previous [][]byte) error {
	c := s.config.Keyring.Get()
	keyring, err := fingerprint.Open(fingerprint.ResolvePath(c.Path), fingerprint.Options{
		Create: c.Create, OnReload: s.reloaded,
	})
	if err != nil {
		return err
	}
	s.keyring = keyring
	s.keys = &ringKeys{keyring: keyring, previous: previous}
	return nil
}

func (s *sealedStorage) reloaded(err error) {
	if err != nil {
		s.logger.Warn("key ring not reloaded, the last good one stays in use", zap.Error(err))
		return
	}
	s.logger.Info("key ring reloaded")
}

func decodeKeys(texts []configopaque.String) ([][]byte, error) {
	keys := make([][]byte, len(texts))
	for i, t := range texts {
		k, err := seal.DecodeKey(string(t))
		if err != nil {
			return nil, fmt.Errorf("`previous_keys[%d]` %w", i, err)
		}
		keys[i] = k
	}
	return keys, nil
}

func (s *sealedStorage) Shutdown(context.Context) error {
	s.meter.shutdown()
	if s.keyring == nil {
		return nil
	}
	return s.keyring.Close()
}

// GetClient returns a client of the wrapped storage that seals. The wrapped storage keeps one store for each component
// and name as ever: what it is asked for tells which component stores, not what.
func (s *sealedStorage) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	if s.host == nil {
		return nil, errors.New("sealed storage is not started")
	}
	ext, ok := s.host.GetExtensions()[s.config.Storage]
	if !ok {
		return nil, fmt.Errorf("`storage` must name an extension of this collector, found %q", s.config.Storage)
	}
	inner, ok := ext.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("`storage` must name a storage extension, found %q", s.config.Storage)
	}
	c, err := inner.GetClient(ctx, kind, id, name)
	if err != nil {
		return nil, err
	}
	return openClient(ctx, c, s.keys, s.meter, ownerName(kind, id, name))
}

// ownerName is what binds a value to the component that stored it. Every value is authenticated with it: frozen.
func ownerName(kind component.Kind, id component.ID, name string) string {
	s := kind.String() + " " + id.String()
	if name != "" {
		s += " " + name
	}
	return s
}
