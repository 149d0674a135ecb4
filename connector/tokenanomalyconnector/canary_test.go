package tokenanomalyconnector

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
)

const renewedToken = "kt1_0000000000000000000000000000000b"

// named is one record with a fingerprint under an event name.
func named(name string) plog.Logs {
	ld := plog.NewLogs()
	lr := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	lr.SetEventName(name)
	a := lr.Attributes()
	a.PutStr(event.KeyEventID, name)
	a.PutStr(event.KeyFingerprint, renewedToken)
	a.PutStr(event.KeyTokenRotatedFrom, "kt1_0000000000000000000000000000000a")
	a.PutStr(event.KeyPrincipal, renewedToken)
	a.PutStr(event.KeyPrincipalBasis, event.BasisGateway)
	a.PutStr(event.KeyRedaction, event.RedactionDone)
	a.PutStr(event.KeyMethod, "GET")
	a.PutStr(event.KeyPath, "/v1/orders")
	a.PutInt(event.KeyStatus, 200)
	return ld
}

func TestCanariesAndRotationsAreNoRequests(t *testing.T) {
	r := newRig(t, createDefaultConfig().(*Config), componenttest.NewNopHost())
	r.start()
	defer r.shutdown()
	engine := r.logs[0].(*edge).state.engine
	for _, name := range []string{event.NameCanary, event.NameRotated, event.NameAnomaly} {
		r.consume(named(name))
		m := engine.Metrics()
		require.Zero(t, m.Tracked, name)
		require.Zero(t, m.Ignored, name)
	}
	r.consume(named(event.NameRequest))
	require.EqualValues(t, 1, engine.Metrics().Tracked)
}
