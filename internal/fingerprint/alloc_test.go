//go:build !race

package fingerprint

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// The race detector empties pools at random, so allocations say nothing under it.
func TestStampDoesNotAllocate(t *testing.T) {
	r, d := vectorRing(t), CredentialDigest([]byte("example-token-0001"))
	assert.LessOrEqual(t, testing.AllocsPerRun(1000, func() { r.Stamp(Credential, d) }), 1.0)
}
