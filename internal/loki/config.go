package loki

import (
	"fmt"
	"net/url"
)

// Config says where Loki is and how much it may be asked to hold.
type Config struct {
	// Endpoint is the base address, such as http://loki:3100, with a path where a proxy adds one.
	Endpoint string
	// Tenant goes into X-Scope-OrgID; empty sends none.
	Tenant string
	// Tenants gives classes a tenant of their own.
	Tenants map[string]string
	// MaxBatchBytes bounds the uncompressed body of one request; 0 is DefaultBatchBytes.
	MaxBatchBytes int
	// MaxStreams bounds the distinct streams this client makes; beyond it a service is called "other". 0 is DefaultStreams.
	MaxStreams int
}

const (
	// DefaultBatchBytes stays below Loki's default burst (6 MB a tenant) and the 4 MB that its parts pass to each other.
	DefaultBatchBytes = 1 << 20
	// DefaultStreams stays below Loki's default of 5,000 active streams a tenant, beyond which it answers 429 for good.
	DefaultStreams = 4096
	// minBatchBytes is what a batch shrinks to while Loki answers 429: a limit below that serves nobody.
	minBatchBytes = 64 << 10
)

const tenantHeader = "X-Scope-OrgID"

// Validate checks what a configuration can get wrong.
func (c Config) Validate() error {
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		// The value may hold a password, and one that does not parse cannot be cut: it is not shown.
		return fmt.Errorf("`endpoint` must be an http or https address with a host, found %d bytes of something else", len(c.Endpoint))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("`endpoint` must have no user, query or fragment: credentials belong to the client's authentication, found them at %q", u.Host)
	case c.MaxBatchBytes != 0 && c.MaxBatchBytes < minBatchBytes:
		return fmt.Errorf("`max_batch_bytes` must be at least %d, found %d", minBatchBytes, c.MaxBatchBytes)
	case c.MaxStreams != 0 && c.MaxStreams < Shards:
		return fmt.Errorf("`max_streams` must be at least %d, the shards of one service, found %d", Shards, c.MaxStreams)
	}
	return nil
}

func (c Config) tenant(class string) string {
	if t, ok := c.Tenants[class]; ok {
		return t
	}
	return c.Tenant
}
