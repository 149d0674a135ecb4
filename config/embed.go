// Package config holds the collector configurations that ship with Keytrail, as files to read and inside the binary.
package config

import "embed"

// Files are the configurations of this folder, by file name.
//
//go:embed *.yaml
var Files embed.FS
