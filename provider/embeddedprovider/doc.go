// Package embeddedprovider lets the collector start on a configuration that is part of the binary: embedded:quickstart
// is config/quickstart.yaml, from any folder.
package embeddedprovider

//go:generate mdatagen metadata.yaml
