package apilogreceiver

import (
	"errors"
	"maps"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
)

// conditions is what ails the receiver while it runs. A component has one status: it must not say OK of the key ring
// while a key set is still missing.
type conditions struct {
	mu     sync.Mutex
	failed map[string]error
}

// report says that a part fails, or, with nil, that it works again.
func (c *conditions) report(host component.Host, part string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		delete(c.failed, part)
	} else {
		if c.failed == nil {
			c.failed = make(map[string]error)
		}
		c.failed[part] = err
	}
	if len(c.failed) == 0 {
		componentstatus.ReportStatus(host, componentstatus.NewEvent(componentstatus.StatusOK))
		return
	}
	var errs []error
	for _, part := range slices.Sorted(maps.Keys(c.failed)) {
		errs = append(errs, c.failed[part])
	}
	componentstatus.ReportStatus(host, componentstatus.NewRecoverableErrorEvent(errors.Join(errs...)))
}
