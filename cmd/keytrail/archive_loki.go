package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/loki"
)

// lokiFlags say which Loki holds a copy of the archive's rows.
type lokiFlags struct {
	endpoint string
	tenants  []string
	wait     time.Duration
}

func (l *lokiFlags) flag(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&l.endpoint, "loki", "", "address of a Loki that holds a copy, such as http://loki:3100: it is asked to delete the same rows")
	f.StringArrayVar(&l.tenants, "loki-tenant", nil, "Loki's tenant; class=tenant for that of one class")
	f.DurationVar(&l.wait, "loki-wait", 0, "how long to wait for Loki to carry it out, which by default it begins after a day; the receipt says how far it is")
}

// copies returns the Loki that the flags name, if any.
func (l *lokiFlags) copies() ([]archive.Copy, error) {
	if l.endpoint == "" {
		if len(l.tenants) > 0 || l.wait != 0 {
			return nil, usage("--loki-tenant and --loki-wait need --loki, found none")
		}
		return nil, nil
	}
	config := loki.Config{Endpoint: l.endpoint, Tenants: make(map[string]string)}
	for _, t := range l.tenants {
		if class, tenant, ok := strings.Cut(t, "="); ok {
			config.Tenants[class] = tenant
		} else {
			config.Tenant = t
		}
	}
	client, err := loki.NewClient(config, &http.Client{Timeout: lokiTimeout})
	if err != nil {
		return nil, usage("loki: %w", err)
	}
	return []archive.Copy{&lokiCopy{client, l.wait}}, nil
}

const (
	lokiTimeout = 30 * time.Second // of one request
	lokiPoll    = time.Second      // between two looks at how far it is
	// lokiQuery bounds the query of one deletion: Loki has refused expressions of more than 5,120 bytes.
	lokiQuery = 4096
	// lokiQueries bounds the deletions of one class: Loki's compactor goes through all of them for each chunk. It is some
	// 60,000 fingerprints or events.
	lokiQueries = 1000
)

// lokiCopy is Loki as a copy of the archive.
type lokiCopy struct {
	client *loki.Client
	wait   time.Duration
}

// Ask asks for as many deletions as the values need.
func (l *lokiCopy) Ask(ctx context.Context, d archive.CopyDeletion) ([]archive.CopyRequest, error) {
	parts, err := lokiParts(d)
	if err != nil {
		return nil, err
	}
	var requests []archive.CopyRequest
	for _, p := range parts {
		id, err := l.client.Delete(ctx, p)
		if err != nil {
			return requests, err
		}
		requests = append(requests, archive.CopyRequest{Copy: "loki", Class: d.Class, ID: id, State: archive.CopyAccepted})
	}
	return requests, nil
}

// lokiParts cuts a deletion into ones whose queries Loki takes.
func lokiParts(d archive.CopyDeletion) ([]loki.Deletion, error) {
	whole := loki.Deletion{Class: d.Class, Keys: d.Keys, Since: d.Since, Until: d.Until}
	query, err := whole.Query()
	if err != nil {
		return nil, err
	}
	if len(query) <= lokiQuery {
		return []loki.Deletion{whole}, nil
	}
	var parts []loki.Deletion
	for key, values := range d.Keys {
		part := func(values []string) loki.Deletion {
			p := whole
			p.Keys = map[string][]string{key: values}
			return p
		}
		for len(values) > 0 {
			n := 1
			for size := 0; n <= len(values); n++ {
				if size += len(loki.Name(key)) + len(values[n-1]) + len(` or ="" `); size > lokiQuery*3/4 {
					break
				}
			}
			n = max(1, min(n-1, len(values)))
			parts, values = append(parts, part(values[:n])), values[n:]
		}
	}
	if len(parts) > lokiQueries {
		return nil, fmt.Errorf("loki: %d deletions of class %q are too many, at most %d", len(parts), d.Class, lokiQueries)
	}
	return parts, nil
}

// Follow looks how far Loki is until all is done or the wait is over. A Loki that does not answer leaves a request
// accepted: it has it in writing.
func (l *lokiCopy) Follow(ctx context.Context, requests []archive.CopyRequest) []archive.CopyRequest {
	requests = slices.Clone(requests)
	deadline := time.NewTimer(l.wait)
	defer deadline.Stop()
	tick := time.NewTicker(lokiPoll)
	defer tick.Stop()
	for !l.look(ctx, requests) {
		select {
		case <-ctx.Done():
			return requests
		case <-deadline.C:
			return requests
		case <-tick.C:
		}
	}
	return requests
}

// look brings the states up to date and reports whether none will change any more.
func (l *lokiCopy) look(ctx context.Context, requests []archive.CopyRequest) (settled bool) {
	listed := make(map[string]map[string]loki.DeleteStatus)
	settled = true
	for i := range requests {
		r := &requests[i]
		if r.State != archive.CopyAccepted {
			continue
		}
		if _, asked := listed[r.Class]; !asked {
			listed[r.Class] = l.states(ctx, r.Class)
		}
		states := listed[r.Class]
		switch s, ok := states[r.ID]; {
		case states == nil:
			settled = false
		case !ok:
			r.State = archive.CopyFailed
		case s.Done():
			r.State = archive.CopyProcessed
		default:
			settled = false
		}
	}
	return settled
}

// states returns what Loki says of its deletions, nil where it says nothing.
func (l *lokiCopy) states(ctx context.Context, class string) map[string]loki.DeleteStatus {
	all, err := l.client.Deletions(ctx, class)
	if err != nil {
		return nil
	}
	states := make(map[string]loki.DeleteStatus, len(all))
	for _, s := range all {
		states[s.ID] = s
	}
	return states
}
