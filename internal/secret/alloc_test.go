//go:build !race

package secret

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/keytrail/keytrail/internal/event"
)

// The race detector empties pools at random, so allocations say nothing under it.

// TestCleanRecordCostsNoAllocation guards the hot path: most requests reach us already redacted by the gateway.
func TestCleanRecordCostsNoAllocation(t *testing.T) {
	s := testSealer(t)
	seed := kongEvent("http.request.header.authorization", "REDACTED")
	r := seed.Clone()
	r.Attrs = append(r.Attrs, make(event.Attrs, 8)...)
	allocs := testing.AllocsPerRun(200, func() {
		r.Attrs = append(r.Attrs[:0], seed.Attrs...)
		s.Record(&r)
	})
	assert.LessOrEqual(t, allocs, 1.0)
}

// TestFingerprintedRecordCostsFewAllocations: the text of the fingerprints, the list of them, the credential in its
// unprintable type, and what stands in its place.
func TestFingerprintedRecordCostsFewAllocations(t *testing.T) {
	s := testSealer(t)
	seed := kongEvent("http.request.header.x-api-key", "Canary"+newDice(36).base62(26))
	r := seed.Clone()
	r.Attrs = append(r.Attrs, make(event.Attrs, 16)...)
	allocs := testing.AllocsPerRun(200, func() {
		r.Attrs = append(r.Attrs[:0], seed.Attrs...)
		s.Record(&r)
	})
	assert.LessOrEqual(t, allocs, 6.0)
}
