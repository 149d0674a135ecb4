package tokentrailexporter

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

func classesFor(t *testing.T, classes []ClassConfig, r event.Record) (names, failed []string) {
	t.Helper()
	c, err := newClassifier(classes)
	require.NoError(t, err)
	rl, sl, lr := asLog(&r)
	return c.appendTo(t.Context(), nil, rl, sl, lr, func(class string) { failed = append(failed, class) }), failed
}

// The security class keeps what was refused, what a dead token tried, and alerts.
func TestShippedClasses(t *testing.T) {
	f := func(r event.Record, want ...string) {
		t.Helper()
		got, failed := classesFor(t, shippedClasses(), r)
		require.Empty(t, failed)
		require.Equal(t, want, got)
	}
	f(request("ok"), "full", "trail")
	f(request("no status", with(event.KeyStatus, event.Value{})), "full", "trail")
	f(request("not found", with(event.KeyStatus, event.Int(404))), "full", "trail")
	f(request("401", with(event.KeyStatus, event.Int(401))), "full", "trail", "security")
	f(request("403", with(event.KeyStatus, event.Int(403))), "full", "trail", "security")
	f(request("waf", with(event.KeyStatus, event.Int(400)), with(event.KeyDenyReason, event.String(event.DenyWAF))), "full", "trail", "security")
	f(request("active", with(event.KeyTokenState, event.String(event.StateActive))), "full", "trail")
	f(request("dead", with(event.KeyTokenState, event.String(event.StateRevoked))), "full", "trail", "security")
	f(request("old", with(event.KeyTokenState, event.String(event.StateExpired))), "full", "trail", "security")
	alert := request("alert")
	alert.Name = event.NameAnomaly
	f(alert, "full", "trail", "security")
}

// Whoever shapes a request must not shape it out of a class.
func TestAConditionThatFailsKeepsTheEvent(t *testing.T) {
	classes := shippedClasses()[:2]
	classes[1].When = `Len(log.attributes["client.port"]) > 3`
	got, failed := classesFor(t, classes, request("odd", with(event.KeyClientPort, event.Int(1))))
	require.Equal(t, []string{"full", "trail"}, got)
	require.Equal(t, []string{"trail"}, failed)
}
