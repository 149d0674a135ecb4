package detect

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

// rotate tells that a directory shows one token in the place of another.
func (r *replay) rotate(id, from, to string) {
	rec := event.Record{Time: r.clock.UnixNano(), Name: event.NameRotated}
	rec.Attrs.Add(event.KeyEventID, event.String(id))
	rec.Attrs.Add(event.KeyFingerprint, event.String(to))
	rec.Attrs.Add(event.KeyTokenRotatedFrom, event.String(from))
	r.e.Rotated(&rec)
}

func (r *replay) profileOf(text string) (profile, bool) {
	id, err := fingerprint.ParseID(text)
	require.NoError(r.t, err)
	sh := r.e.shards[shardOf(id)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	p := sh.get(id)
	if p == nil {
		return profile{}, false
	}
	return *p, true
}

func TestARenewedTokenInheritsWhatIsKnownOfTheOldOne(t *testing.T) {
	r := known(t, "ci", "web")
	old, _ := r.profileOf(fp("ci"))
	tracked := r.e.tracked.Load()
	r.rotate("r-1", fp("ci"), fp("ci-renewed"))
	heir, ok := r.profileOf(fp("ci-renewed"))
	require.True(t, ok)
	require.Equal(t, old.days, heir.days)
	require.Equal(t, old.requests, heir.requests)
	_, ok = r.profileOf(fp("ci"))
	require.True(t, ok, "both are in use for a while")
	require.Equal(t, tracked+1, r.e.tracked.Load())

	// What it inherited is at work: the owner's endpoint is not new, a strange one is.
	renewed := use("ci-renewed", "/v1/orders", "198.51.100.0")
	renewed.owner = "owner-of-ci"
	require.Empty(t, r.after(renewed))
	renewed.path, renewed.client = "/v1/admin/users", "203.0.113.4"
	require.Equal(t, []string{"new_endpoint high ci-renewed"}, r.after(renewed))
}

func TestARotationIsNoEvidenceOfUse(t *testing.T) {
	r := known(t, "ci")
	before := r.e.tracked.Load()
	for _, pair := range [][2]string{{fp("unknown"), fp("x")}, {"cred-1", fp("x")}, {fp("ci"), ""}, {fp("ci"), fp("ci")}, {"", ""}} {
		r.rotate("", pair[0], pair[1])
	}
	require.Equal(t, before, r.e.tracked.Load())
	r.rotate("r-1", fp("ci"), fp("renewed"))
	r.rotate("r-1", fp("ci"), fp("forged"))
	_, ok := r.profileOf(fp("forged"))
	require.False(t, ok, "one id is told once")
}
