package tokenownerprocessor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/processor/tokenownerprocessor/internal/metadatatest"
)

func hexSum(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// withOwners writes a directory and configures it.
func withOwners(t testing.TB, text string, args ...any) func(*Config) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "owners.yaml")
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, text, args...), 0o600))
	return func(c *Config) {
		c.Owners.File = configoptional.Some(OwnerFileConfig{Path: path, Interval: 10 * time.Second})
	}
}

func withKeys(keys ...string) plog.Logs {
	return request(func(lr plog.LogRecord) {
		for i, name := range []string{"authorization", "x-api-key"} {
			if i < len(keys) {
				lr.Attributes().PutStr(event.PrefixRequestHeader+name, keys[i])
			}
		}
	})
}

func TestOwnersAreFoundByEveryKindOfRow(t *testing.T) {
	hashed, pinned, old, second, nobody := dummyToken(), dummyToken(), dummyToken(), dummyToken(), dummyToken()
	r := ring(t)
	digest := fingerprint.CredentialDigest([]byte(old))
	b := newBench(t, withOwners(t, `
- {sha256: %s, owner_id: hashed}
- {fingerprint: %s, owner_id: pinned}
- {fingerprint: %s, owner_id: old-epoch}
- {sha256: %s, owner_id: second}
- {credential_id: AKIAIOSFODNN7DUMMYID, owner_id: by-id}
`, hexSum(hashed), fingerprintOf(t, pinned), r.Oldest(fingerprint.Credential, digest), hexSum(second)))

	found := func(want string, keys ...string) {
		t.Helper()
		a := records(b.sendLogs(t, context.Background(), withKeys(keys...)))[0].Attributes()
		require.Equal(t, want, strOf(a, event.KeyOwnerID))
		state := event.StateActive
		if want == "" {
			state = event.StateUnknown
		}
		require.Equal(t, state, strOf(a, event.KeyTokenState))
	}
	found("hashed", "Bearer "+hashed)
	found("pinned", "Bearer "+pinned)
	found("old-epoch", "Bearer "+old)
	found("second", "Bearer "+nobody, second)
	found("hashed", "Bearer "+hashed, second)
	found("", "Bearer "+nobody)

	a := records(b.sendLogs(t, context.Background(), request(func(plog.LogRecord) {})))[0].Attributes()
	require.Empty(t, strOf(a, event.KeyTokenState), "without a token there is nothing to say of one")

	metadatatest.AssertEqualProcessorTokenOwnerLookups(t, b.tel, append(
		point(5, attribute.String("result", "hit")), point(1, attribute.String("result", "miss"))...),
		metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualProcessorTokenOwnerDirectoryRows(t, b.tel, point(5, attribute.String("source", "file")), metricdatatest.IgnoreTimestamp())
}

func TestSealedRecordsAreOnlyLinked(t *testing.T) {
	token, other := dummyToken(), dummyToken()
	b := newBench(t, withOwners(t, "- {sha256: %s, owner_id: a, owner_name: A}\n- {credential_id: c-1, owner_id: c}\n", hexSum(token)))
	sealed := func(put func(pcommon.Map)) pcommon.Map {
		ld := request(func(lr plog.LogRecord) {
			lr.Attributes().PutStr(event.KeyRedaction, event.RedactionDone)
			put(lr.Attributes())
		})
		return records(b.sendLogs(t, event.Trusted(context.Background()), ld))[0].Attributes()
	}
	a := sealed(func(m pcommon.Map) {
		m.PutStr(event.KeyFingerprint, fingerprintOf(t, token))
		m.PutStr(event.KeyOwnerID, "upstream")
		m.PutStr(event.KeyOwnerTeam, "upstream")
	})
	require.Equal(t, "a", strOf(a, event.KeyOwnerID))
	require.Empty(t, strOf(a, event.KeyOwnerTeam), "an owner is not made of two")

	a = sealed(func(m pcommon.Map) {
		m.PutStr(event.KeyFingerprint, fingerprintOf(t, other))
		m.PutEmptySlice(event.KeyOthers).AppendEmpty().SetStr(fingerprintOf(t, token) + " query.key api_key")
	})
	require.Equal(t, "a", strOf(a, event.KeyOwnerID))

	a = sealed(func(m pcommon.Map) {
		m.PutStr(event.KeyFingerprint, fingerprintOf(t, other))
		m.PutStr(event.KeyCredentialID, "c-1")
	})
	require.Equal(t, "c", strOf(a, event.KeyOwnerID))

	a = sealed(func(m pcommon.Map) {
		m.PutStr(event.KeyFingerprint, fingerprintOf(t, other))
		m.PutStr(event.KeyOwnerID, "upstream")
		m.PutStr(event.KeyTokenState, event.StateActive)
	})
	require.Equal(t, "upstream", strOf(a, event.KeyOwnerID), "not knowing better keeps what an upstream knew")
	require.Equal(t, event.StateActive, strOf(a, event.KeyTokenState))
}

// statusHost keeps the component's health as the service would see it.
type statusHost struct {
	component.Host
	mu     sync.Mutex
	events []componentstatus.Status
}

func (h *statusHost) GetExtensions() map[component.ID]component.Component { return nil }

func (h *statusHost) Report(ev *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, ev.Status())
}

func (h *statusHost) seen() []componentstatus.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]componentstatus.Status(nil), h.events...)
}

func TestABadOwnerFileKeepsTheLastGoodOneAndTellsTheStatus(t *testing.T) {
	keyring := filepath.Join(t.TempDir(), "keyring.yaml")
	_, err := fingerprint.Create(keyring)
	require.NoError(t, err)
	token := dummyToken()
	edit := withOwners(t, "- {sha256: %s, owner_id: first}", hexSum(token))
	cfg := createDefaultConfig().(*Config)
	edit(cfg)
	cfg.Keyring.Path = keyring
	path := cfg.Owners.File.Get().Path
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }

	synctest.Test(t, func(t *testing.T) {
		host := &statusHost{}
		b := newBenchOn(t, cfg, host)
		owner := func() string {
			a := records(b.sendLogs(t, context.Background(), withKeys("Bearer "+token)))[0].Attributes()
			return strOf(a, event.KeyOwnerID)
		}
		tick := func() { <-time.After(11 * time.Second); synctest.Wait() }
		require.Equal(t, "first", owner())
		require.Empty(t, host.seen())

		write("- {sha256: " + token + ", owner_id: second}")
		tick()
		require.Equal(t, "first", owner())
		bad := componentstatus.StatusRecoverableError
		require.Equal(t, []componentstatus.Status{bad, bad}, host.seen(), "once for each instance of the component")
		tick()
		require.Len(t, host.seen(), 2, "reported on change only")

		write("- {sha256: " + hexSum(token) + ", owner_id: second}")
		tick()
		require.Equal(t, "second", owner())
		ok := componentstatus.StatusOK
		require.Equal(t, []componentstatus.Status{bad, bad, ok, ok}, host.seen())
		metadatatest.AssertEqualProcessorTokenOwnerReloads(t, b.tel, append(
			point(2, attribute.String("input", "owners"), attribute.String("result", "ok")),
			point(1, attribute.String("input", "owners"), attribute.String("result", "failed"))...),
			metricdatatest.IgnoreTimestamp())
	})
}

func TestAMissingOwnerFileDoesNotStopTheTrail(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Keyring.Path = keyringPath
	cfg.Owners.File = configoptional.Some(OwnerFileConfig{Path: filepath.Join(t.TempDir(), "none.csv"), Interval: time.Hour})
	host := &statusHost{}
	b := newBenchOn(t, cfg, host)
	a := records(b.sendLogs(t, context.Background(), withKeys("Bearer "+dummyToken())))[0].Attributes()
	require.Equal(t, event.StateUnknown, strOf(a, event.KeyTokenState))
	require.NotEmpty(t, host.seen())
}

func TestARotationChangesScopeAndFingerprintTogether(t *testing.T) {
	keyring := filepath.Join(t.TempDir(), "keyring.yaml")
	cfg := createDefaultConfig().(*Config)
	cfg.Keyring.Path = keyring
	token := dummyToken()
	withOwners(t, "- {sha256: %s, owner_id: first}", hexSum(token))(cfg)
	synctest.Test(t, func(t *testing.T) {
		_, err := fingerprint.Create(keyring) // in here, where it is the year 2000
		require.NoError(t, err)
		b := newBenchOn(t, cfg, &statusHost{})
		epoch := func() int64 {
			out := b.sendLogs(t, context.Background(), withKeys("Bearer "+token))
			n, _ := intOf(out.ResourceLogs().At(0).ScopeLogs().At(0).Scope().Attributes(), event.KeyRingEpoch)
			id, err := fingerprint.ParseID(strOf(records(out)[0].Attributes(), event.KeyFingerprint))
			require.NoError(t, err)
			require.EqualValues(t, n, id.Epoch)
			require.Equal(t, "first", strOf(records(out)[0].Attributes(), event.KeyOwnerID))
			return n
		}
		require.EqualValues(t, 1, epoch())
		_, err = fingerprint.Rotate(keyring, fingerprint.RotateOptions{})
		require.NoError(t, err)
		<-time.After(20 * time.Second)
		synctest.Wait()
		require.EqualValues(t, 2, epoch())
	})
}
