package tokenownerprocessor

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/owner"
	"github.com/keytrail/keytrail/processor/tokenownerprocessor/internal/metadatatest"
)

// rotating is a processor over a directory of one token that a test replaces.
func rotating(t *testing.T, path string) *bench {
	return newBench(t, func(c *Config) {
		c.Owners.File = configoptional.Some(OwnerFileConfig{Path: path, Interval: owner.DefaultInterval})
	})
}

func showToken(t *testing.T, path, token, extra string) {
	t.Helper()
	text := "- {sha256: " + hexSum(token) + ", owner_id: alice, owner_name: Alice, token_name: ci" + extra + "}"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestARotationIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "owners.yaml")
	first, second := dummyToken(), dummyToken()
	synctest.Test(t, func(t *testing.T) {
		showToken(t, path, first, "")
		b := rotating(t, path)
		<-time.After(time.Minute)
		synctest.Wait()
		require.Empty(t, b.sink.logs.AllLogs(), "the first load replaces nothing")

		showToken(t, path, second, ", rotated_at: 1999-12-31")
		<-time.After(time.Minute)
		synctest.Wait()
		sent := b.sink.logs.AllLogs()
		require.Len(t, sent, 1)
		require.True(t, b.sink.trusted[0])
		lr := records(sent[0])[0]
		require.Equal(t, event.NameRotated, lr.EventName())
		for key, want := range map[string]string{
			event.KeyFingerprint: fingerprintOf(t, second), event.KeyTokenRotatedFrom: fingerprintOf(t, first),
			event.KeyOwnerID: "alice", event.KeyOwnerName: "Alice", event.KeyTokenName: "ci", event.KeyOwnerSource: "file",
			event.KeyTokenState: event.StateActive, event.KeyRedaction: event.RedactionDone, event.KeyTokenRotatedAt: "1999-12-31T00:00:00Z",
		} {
			require.Equal(t, want, strOf(lr.Attributes(), key), key)
		}
		require.Len(t, strOf(lr.Attributes(), event.KeyEventID), 32)
		requireGone(t, logText(t, sent[0]), first)
		requireGone(t, logText(t, sent[0]), second)
		scope := sent[0].ResourceLogs().At(0).ScopeLogs().At(0).Scope()
		require.Equal(t, ring(t).Scope().Ring, strOf(scope.Attributes(), event.KeyRingID))
		metadatatest.AssertEqualProcessorTokenOwnerRotations(t, b.tel, point(1, attribute.String("result", "sent")), metricdatatest.IgnoreTimestamp())
	})
}

func TestARefusedRotationIsOfferedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "owners.yaml")
	synctest.Test(t, func(t *testing.T) {
		showToken(t, path, dummyToken(), "")
		b := rotating(t, path)
		b.sink.refuse(errors.New("full"))
		showToken(t, path, dummyToken(), "")
		<-time.After(time.Minute)
		synctest.Wait()
		require.Empty(t, b.sink.logs.AllLogs())
		b.sink.refuse(nil)
		<-time.After(announceAgain)
		synctest.Wait()
		require.Len(t, b.sink.logs.AllLogs(), 1)

		b.sink.refuse(consumererror.NewPermanent(errors.New("never")))
		showToken(t, path, dummyToken(), "")
		<-time.After(time.Minute)
		b.sink.refuse(nil)
		<-time.After(time.Minute)
		synctest.Wait()
		require.Len(t, b.sink.logs.AllLogs(), 1)
		metadatatest.AssertEqualProcessorTokenOwnerRotations(t, b.tel, append(
			point(1, attribute.String("result", "sent")), point(1, attribute.String("result", "dropped"))...), metricdatatest.IgnoreTimestamp())
	})
}
