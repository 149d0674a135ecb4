package tokenownerprocessor

import (
	"context"
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

const (
	boundToken     = "kt2_00000000000000000000000000000001"
	boundPrincipal = "kp2_0000000000000000000000000000000a"
	otherPrincipal = "kp2_0000000000000000000000000000000b"
)

// passed is an event as an agent sealed it.
func (b *bench) passed(t *testing.T, token, principal, basis string, edit func(pcommon.Map)) pcommon.Map {
	t.Helper()
	ld := request(func(lr plog.LogRecord) {
		a := lr.Attributes()
		a.PutStr(event.KeyRedaction, event.RedactionDone)
		a.PutStr(event.KeyFingerprint, token)
		a.PutStr(event.KeyPrincipal, principal)
		a.PutStr(event.KeyPrincipalBasis, basis)
		if edit != nil {
			edit(a)
		}
	})
	return records(b.sendLogs(t, event.Trusted(context.Background()), ld))[0].Attributes()
}

func TestATokenStaysBoundToWhoItWasProvenToBe(t *testing.T) {
	b := newBench(t, nil)
	a := b.passed(t, boundToken, boundToken, event.BasisCredential, nil)
	require.Equal(t, boundToken, strOf(a, event.KeyPrincipal), "nothing is known of it yet")

	b.passed(t, boundToken, boundPrincipal, event.BasisGateway, nil)
	a = b.passed(t, boundToken, boundToken, event.BasisCredential, func(a pcommon.Map) {
		a.PutInt(event.KeyStatus, 401)
		a.PutStr(event.KeyPrincipalPrev, "kt1_00000000000000000000000000000001")
	})
	require.Equal(t, boundPrincipal, strOf(a, event.KeyPrincipal))
	require.Equal(t, event.BasisGateway, strOf(a, event.KeyPrincipalBasis))
	require.Empty(t, strOf(a, event.KeyPrincipalPrev))

	b.passed(t, boundToken, otherPrincipal, event.BasisVerified, nil)
	a = b.passed(t, boundToken, boundToken, event.BasisCredential, nil)
	require.Equal(t, otherPrincipal, strOf(a, event.KeyPrincipal), "the last proof counts")
	require.Equal(t, event.BasisVerified, strOf(a, event.KeyPrincipalBasis))
}

// A caller who sends a stolen token beside his own must not make it his.
func TestATokenBesideAnotherBindsNobody(t *testing.T) {
	b := newBench(t, nil)
	b.passed(t, boundToken, otherPrincipal, event.BasisGateway, func(a pcommon.Map) {
		a.PutEmptySlice(event.KeyOthers).AppendEmpty().SetStr("kt2_00000000000000000000000000000009 header.x-api-key api_key")
	})
	a := b.passed(t, boundToken, boundToken, event.BasisCredential, nil)
	require.Equal(t, boundToken, strOf(a, event.KeyPrincipal))
}

func TestBindingsTakeBoundedMemory(t *testing.T) {
	var b bindings
	token := func(i int) (id fingerprint.ID) {
		id.Kind, id.Epoch = fingerprint.Credential, 1
		binary.BigEndian.PutUint64(id.Sum[:], uint64(i))
		return id
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, forgotten := heap(), 0
	const many = 10 * maxBindings
	for i := range many {
		forgotten += b.put(token(i), binding{principal: token(i)})
	}
	require.Less(t, heap()-before, int64(16<<20))
	require.Equal(t, many-int(b.size.Load()), forgotten, "every one is still there or counted")
	_, ok := b.get(token(many - 1))
	require.True(t, ok)
	_, ok = b.get(token(0))
	require.False(t, ok)
	runtime.KeepAlive(&b)
}
