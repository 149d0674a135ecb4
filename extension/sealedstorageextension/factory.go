package sealedstorageextension

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/keytrail/keytrail/extension/sealedstorageextension/internal/metadata"
)

// NewFactory returns the factory of the sealed_storage extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func createDefaultConfig() component.Config { return &Config{} }

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	c := cfg.(*Config)
	if c.Storage == set.ID { // the Collector's ordering of extensions panics on this
		return nil, fmt.Errorf("`storage` must name another extension, found %q itself", set.ID)
	}
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &sealedStorage{config: c, logger: set.Logger, meter: newMeter(telemetry)}, nil
}
