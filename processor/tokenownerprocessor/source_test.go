package tokenownerprocessor

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/owner"
	"github.com/keytrail/keytrail/internal/owner/ownersql"
	"github.com/keytrail/keytrail/processor/tokenownerprocessor/internal/metadatatest"
)

// sealed sends a record that came sealed from our own receiver and returns what became of it.
func (b *bench) sealed(t testing.TB, pairs ...string) pcommon.Map {
	t.Helper()
	ld := request(func(lr plog.LogRecord) {
		a := lr.Attributes()
		a.PutStr(event.KeyRedaction, event.RedactionDone)
		for i := 0; i+1 < len(pairs); i += 2 {
			a.PutStr(pairs[i], pairs[i+1])
		}
	})
	return records(b.sendLogs(t, event.Trusted(context.Background()), ld))[0].Attributes()
}

// database makes a SQLite directory and configures it.
func database(t testing.TB, statements ...string) func(*Config) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "owners.db")
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	for _, s := range statements {
		_, err := db.Exec(s)
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
	return func(c *Config) {
		s := c.Owners.SQL.GetOrInsertDefault()
		s.Driver, s.DSN = ownersql.SQLite, configopaque.String("file:"+path)
		s.Query = "SELECT * FROM tokens"
	}
}

// api serves a directory and configures it.
func api(t testing.TB, list, lookup string, handle http.HandlerFunc) func(*Config) {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return func(c *Config) {
		h := c.Owners.HTTP.GetOrInsertDefault()
		if list != "" {
			h.Endpoint = server.URL + list
		}
		if lookup != "" {
			h.LookupEndpoint = server.URL + lookup
		}
	}
}

func all(edits ...func(*Config)) func(*Config) {
	return func(c *Config) {
		for _, edit := range edits {
			edit(c)
		}
	}
}

func TestTheFirstSourceThatNamesTheOwnerWinsAndTheOthersFillIn(t *testing.T) {
	token := dummyToken()
	create := "CREATE TABLE tokens (sha256 TEXT, owner_id TEXT, owner_team TEXT, token_name TEXT, revoked_at TEXT)"
	row := fmt.Sprintf("INSERT INTO tokens VALUES ('%s', '%%s', 'database team', 'name in the database', '2020-01-01')", hexSum(token))
	file := withOwners(t, "- {sha256: %s, owner_id: alice, owner_name: Alice}", hexSum(token))
	send := func(t *testing.T, id string, order ...string) pcommon.Map {
		b := newBench(t, all(file, database(t, create, fmt.Sprintf(row, id)), func(c *Config) { c.Owners.Order = order }))
		var a pcommon.Map
		require.Eventually(t, func() bool { // the database is read beside the pipeline
			a = records(b.sendLogs(t, context.Background(), withKeys("Bearer "+token)))[0].Attributes()
			return strOf(a, event.KeyTokenName) != ""
		}, 10*time.Second, 5*time.Millisecond)
		require.Equal(t, event.StateRevoked, strOf(a, event.KeyTokenState), "what is said of the token counts from any source")
		return a
	}
	a := send(t, "alice")
	require.Equal(t, "file", strOf(a, event.KeyOwnerSource))
	require.Equal(t, "Alice", strOf(a, event.KeyOwnerName))
	require.Equal(t, "database team", strOf(a, event.KeyOwnerTeam))

	a = send(t, "bob")
	require.Equal(t, "alice", strOf(a, event.KeyOwnerID))
	require.Empty(t, strOf(a, event.KeyOwnerTeam), "an owner is not made of two")

	a = send(t, "bob", "sql")
	require.Equal(t, "bob", strOf(a, event.KeyOwnerID))
	require.Equal(t, "sql", strOf(a, event.KeyOwnerSource))
	require.Empty(t, strOf(a, event.KeyOwnerName))
}

func TestAnUnknownTokenIsAskedAboutBesideThePipeline(t *testing.T) {
	token, known := dummyToken(), dummyToken()
	var asked atomic.Int64
	b := newBench(t, all(
		withOwners(t, "- {sha256: %s, owner_id: from-file}", hexSum(known)),
		api(t, "", "/tokens/{sha256_hex}", func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			if r.URL.Path != "/tokens/"+hexSum(token) {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"owner_id":"from-api","owner_type":"service"}`))
		})))
	send := func(key string, status int64) pcommon.Map {
		ld := withKeys("Bearer " + key)
		records(ld)[0].Attributes().PutInt(event.KeyStatus, status)
		return records(b.sendLogs(t, context.Background(), ld))[0].Attributes()
	}
	require.Equal(t, "from-file", strOf(send(known, 200), event.KeyOwnerID))
	require.Empty(t, strOf(send(token, 401), event.KeyOwnerSource), "a refused token is nobody's question")
	require.Zero(t, asked.Load())

	a := send(token, 200)
	require.Equal(t, sourcePending, strOf(a, event.KeyOwnerSource))
	require.Equal(t, event.StateUnknown, strOf(a, event.KeyTokenState))
	require.Eventually(t, func() bool {
		a = send(token, 200)
		return strOf(a, event.KeyOwnerID) == "from-api"
	}, 10*time.Second, 5*time.Millisecond)
	require.Equal(t, "http", strOf(a, event.KeyOwnerSource))
	require.NotEmpty(t, strOf(a, event.KeyOwnerAsOf))
	require.EqualValues(t, 1, asked.Load())
}

func TestADeadSourceIsSaidAndNeverBlocks(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	address := server.URL
	server.Close()
	host := &statusHost{}
	cfg := createDefaultConfig().(*Config)
	cfg.Keyring.Path = keyringPath
	cfg.Owners.HTTP.GetOrInsertDefault().LookupEndpoint = address + "/{sha256_hex}"
	b := newBenchOn(t, cfg, host)
	token := dummyToken()
	require.Eventually(t, func() bool {
		a := records(b.sendLogs(t, context.Background(), withKeys("Bearer "+token)))[0].Attributes()
		return strOf(a, event.KeyOwnerSource) == sourceNone
	}, 10*time.Second, 5*time.Millisecond)
	require.NotEmpty(t, host.seen(), "the component is recoverable")
}

// verified is what a receiver stamps on a JWT whose signature it verified.
func verified(issuer, subject string, more ...string) []string {
	return append([]string{
		event.KeyFingerprint, "kt2_00000000000000000000000000000001", event.KeyPrincipalBasis, event.BasisVerified,
		event.KeyTokenFormat, formatJWT, event.KeyJWTIssuer, issuer, event.KeyJWTSubject, subject,
	}, more...)
}

func TestOwnersOfProvenClaims(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Owners.Claims = []owner.Rule{
			{Preset: "kubernetes"}, {Preset: "github_actions"}, {Preset: "gitlab_ci"},
			{Match: map[string]string{event.KeyJWTIssuer: "https://idp.example"}, OwnerID: "user:{sub}", OwnerType: "user"},
		}
	})
	a := b.sealed(t, verified("https://cluster.example", "system:serviceaccount:shop:checkout")...)
	require.Equal(t, "shop/checkout", strOf(a, event.KeyOwnerID))
	require.Equal(t, "shop", strOf(a, event.KeyOwnerTeam))
	require.Equal(t, "service", strOf(a, event.KeyOwnerType))
	require.Equal(t, "claims", strOf(a, event.KeyOwnerSource))

	a = b.sealed(t, verified("https://token.actions.githubusercontent.com", "repo:octo/site:ref:refs/heads/main")...)
	require.Equal(t, "octo/site", strOf(a, event.KeyOwnerID))
	require.Equal(t, "ref:refs/heads/main", strOf(a, event.KeyTokenName))

	a = b.sealed(t, verified("https://gitlab.example", "project_path:group/app:ref_type:branch:ref:main")...)
	require.Equal(t, "group/app", strOf(a, event.KeyOwnerID))

	a = b.sealed(t, verified("https://idp.example", "alice")...)
	require.Equal(t, "user:alice", strOf(a, event.KeyOwnerID))

	a = b.sealed(t, verified("https://elsewhere.example", "alice")...)
	require.Equal(t, event.StateUnknown, strOf(a, event.KeyTokenState))
}

func TestUnprovenClaimsNameNobody(t *testing.T) {
	b := newBench(t, all(
		withOwners(t, "- {jwt_issuer: https://idp.example, jwt_subject: alice, owner_id: alice, owner_team: payments}"),
		func(c *Config) { c.Owners.Claims = []owner.Rule{{Preset: "subject"}} }))
	claim := func(basis string, more ...string) pcommon.Map {
		pairs := verified("https://idp.example", "alice", more...)
		pairs[3] = basis
		return b.sealed(t, pairs...)
	}
	for name, a := range map[string]pcommon.Map{
		"credential": claim(event.BasisCredential),
		"gateway, and the JWT is not what it let in": claim(event.BasisGateway, event.KeyTokenFormat, "opaque"),
	} {
		require.Empty(t, strOf(a, event.KeyOwnerID), name)
		require.Equal(t, "alice", strOf(a, event.PrefixTokenClaimed+"owner.id"), name)
		require.Equal(t, "payments", strOf(a, event.PrefixTokenClaimed+"owner.team"), name)
	}
	for _, basis := range []string{event.BasisVerified, event.BasisGateway} {
		a := claim(basis)
		require.Equal(t, "alice", strOf(a, event.KeyOwnerID), basis)
		require.Equal(t, "file", strOf(a, event.KeyOwnerSource), basis)
		require.Empty(t, strOf(a, event.PrefixTokenClaimed+"owner.id"), basis)
	}
	metadatatest.AssertEqualProcessorTokenOwnerSourceAnswers(t, b.tel, append(append(append(
		point(2, attribute.String("source", "file"), attribute.String("answer", "hit")),
		point(2, attribute.String("source", "file"), attribute.String("answer", "claimed"))...),
		point(2, attribute.String("source", "claims"), attribute.String("answer", "hit"))...),
		point(2, attribute.String("source", "claims"), attribute.String("answer", "claimed"))...),
		metricdatatest.IgnoreTimestamp())
}

func TestAClaimedSubjectBesideAnotherCredentialIsUnproven(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Owners.Claims = []owner.Rule{{Preset: "subject"}} })
	ld := request(func(lr plog.LogRecord) {
		a := lr.Attributes()
		a.PutStr(event.KeyRedaction, event.RedactionDone)
		pairs := verified("https://idp.example", "victim")
		pairs[3] = event.BasisGateway
		for i := 0; i+1 < len(pairs); i += 2 {
			a.PutStr(pairs[i], pairs[i+1])
		}
		a.PutEmptySlice(event.KeyOthers).AppendEmpty().SetStr("kt2_00000000000000000000000000000002 header.x-api-key api_key")
	})
	a := records(b.sendLogs(t, event.Trusted(context.Background()), ld))[0].Attributes()
	require.Empty(t, strOf(a, event.KeyOwnerID))
}

func TestOwnersOfGatewayFields(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Owners.Gateway = []owner.Rule{{Preset: "kong"}, {Preset: "mtls"}} })
	kong := []string{
		event.KeyFingerprint, "kc2_00000000000000000000000000000001", event.KeyCredentialID, "cred-1",
		event.KeyPrincipalBasis, event.BasisGateway, "kong.consumer.username", "orders-app", "kong.consumer.id", "c-1",
	}
	a := b.sealed(t, kong...)
	require.Equal(t, "orders-app", strOf(a, event.KeyOwnerID))
	require.Equal(t, "cred-1", strOf(a, event.KeyTokenID))
	require.Equal(t, "gateway", strOf(a, event.KeyOwnerSource))

	kong[5] = event.BasisCredential
	require.Empty(t, strOf(b.sealed(t, kong...), event.KeyOwnerID), "the gateway did not let him in")
}

func TestAnOldEventKeepsTheOwnerOfItsTime(t *testing.T) {
	token := dummyToken()
	now := time.Now().UTC().Truncate(time.Second)
	b := newBench(t, withOwners(t, `
- {sha256: %[1]s, owner_id: before, valid_until: %[2]s}
- {sha256: %[1]s, owner_id: since, valid_from: %[2]s, expires_at: %[3]s}
`, hexSum(token), now.Add(-24*time.Hour).Format(time.RFC3339), now.Add(49*time.Hour).Format(time.RFC3339)))
	send := func(at time.Time) pcommon.Map {
		ld := withKeys("Bearer " + token)
		records(ld)[0].SetTimestamp(pcommon.NewTimestampFromTime(at))
		return records(b.sendLogs(t, context.Background(), ld))[0].Attributes()
	}
	require.Equal(t, "before", strOf(send(now.Add(-48*time.Hour)), event.KeyOwnerID))
	a := send(now)
	require.Equal(t, "since", strOf(a, event.KeyOwnerID))
	days, ok := a.Get(event.KeyTokenExpiresIn)
	require.True(t, ok)
	require.EqualValues(t, 2, days.Int())
}

func TestAProducerCannotSayHowLongATokenLives(t *testing.T) {
	b := newBench(t, nil)
	a := records(b.sendLogs(t, context.Background(), request(func(lr plog.LogRecord) {
		lr.Attributes().PutInt(event.KeyTokenExpiresIn, 1000)
	})))[0].Attributes()
	_, ok := a.Get(event.KeyTokenExpiresIn)
	require.False(t, ok)
}

func TestTheHashOfATokenGoesToItsDirectoryOnly(t *testing.T) {
	token := dummyToken()
	b := newBench(t, api(t, "", "/{sha256_hex}", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, r.URL.Path+" "+strings.Repeat("x", 100), http.StatusInternalServerError)
	}))
	var out plog.Logs
	require.Eventually(t, func() bool {
		out = b.sendLogs(t, context.Background(), withKeys("Bearer "+token))
		return strOf(records(out)[0].Attributes(), event.KeyOwnerSource) == sourceNone
	}, 10*time.Second, 5*time.Millisecond)
	requireGone(t, logText(t, out), token)
}

func TestADirectoryInJSONLines(t *testing.T) {
	token := dummyToken()
	path := filepath.Join(t.TempDir(), "owners.jsonl")
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, `{"sha256":"%s","owner_id":"a"}`, hexSum(token)), 0o600))
	b := newBench(t, func(c *Config) {
		c.Owners.File = configoptional.Some(OwnerFileConfig{Path: path, Interval: 10 * time.Second})
	})
	a := records(b.sendLogs(t, context.Background(), withKeys("Bearer "+token)))[0].Attributes()
	require.Equal(t, "a", strOf(a, event.KeyOwnerID))
}
