package apilogreceiver

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/gatewaytest"
)

func placeNamed(t *testing.T, name string) gatewaytest.Place {
	t.Helper()
	for _, p := range gatewaytest.Places {
		if p.Name == name {
			return p
		}
	}
	require.Fail(t, "no such place", name)
	return gatewaytest.Place{}
}

func writerNamed(t *testing.T, name string) gatewaytest.Writer {
	t.Helper()
	for _, w := range gatewaytest.Writers {
		if w.Name == name {
			return w
		}
	}
	require.Fail(t, "no such writer", name)
	return gatewaytest.Writer{}
}

func write(w gatewaytest.Writer, r gatewaytest.Request, id string) []byte {
	r.ID, r.Time = id, time.Now().Add(-time.Minute)
	return []byte(w.Write(r))
}

// The same credential through ten gateways in ten places is one token, and nobody had to say which gateway it was.
func TestOneCredentialOneFingerprint(t *testing.T) {
	r := start(t, testConfig(t))
	const token = "dummy7Q2mcanaryX9bTf4Lk0sVw3Zr8"
	table := []struct{ gateway, place, location, scheme string }{
		{"kong", "apikey", "header.apikey", "api_key"},
		{"apisix", "query access_token", "query.access_token", "api_key"},
		{"traefik", "basic password", "header.authorization", "basic"},
		{"envoy", "bearer", "header.authorization", "bearer"},
		{"nginx", "session cookie", "cookie.session", "cookie"},
		{"haproxy", "path of a bot", "path", "api_key"},
		{"caddy", "private-token", "header.private-token", "api_key"},
		{"cloudflare", "basic user", "header.authorization", "basic"},
		{"alb", "matrix parameter", "path.token", "api_key"},
		{"azure", "query in full percent encoding", "query.token", "api_key"},
		{"tyk", "ApiKey", "header.authorization", "api_key"},
		{"gcp", "query api_key", "query.api_key", "api_key"},
		{"logfmt", "SSWS", "header.authorization", "ssws"},
		{"json", "proxy-authorization", "header.proxy-authorization", "bearer"},
	}
	for i, row := range table {
		place := placeNamed(t, row.place)
		line := write(writerNamed(t, row.gateway), place.Of(token), fmt.Sprint("r-", i))
		a := r.post("/ingest", line)
		require.Equal(t, 1, a.report.Accepted, "%s: %s %s", row.gateway, a.body, line)
	}
	events := r.events()
	require.Len(t, events, len(table))
	want := events[0].Attrs.Str(event.KeyFingerprint)
	require.Regexp(t, "^kt1_[0-9a-f]{32}$", want)
	for i, row := range table {
		a := events[i].Attrs
		assert.Equal(t, row.gateway, a.Str(event.KeyFormat))
		if row.place == "path of a bot" { // the bot's number belongs to the credential
			assert.NotEmpty(t, a.Str(event.KeyFingerprint), row.gateway)
			continue
		}
		assert.Equal(t, want, a.Str(event.KeyFingerprint), "%s, %s", row.gateway, row.place)
		assert.Equal(t, row.location, a.Str(event.KeyTokenLocation), row.gateway)
		assert.Equal(t, row.scheme, a.Str(event.KeyTokenScheme), row.gateway)
	}
	assert.NotContains(t, r.everything(), token)
}

const planted = 10_000

// Ten thousand credentials over formats, places and encodings: none leaves, and almost all are recognised.
func TestPlantedCredentials(t *testing.T) {
	r := start(t, testConfig(t))
	rng := rand.New(rand.NewPCG(7, 7))
	type plant struct{ token, where string }
	var body strings.Builder
	var sent []plant
	due := 0
	found := map[string]int{}
	missed := map[string]int{}
	leaked := 0
	flush := func() {
		t.Helper()
		r.sink.Reset()
		a := r.post("/ingest", []byte(body.String()))
		require.Equal(t, 200, a.code, a.body)
		require.Zero(t, a.report.Rejected, "%s", a.body)
		events := r.events()
		require.Len(t, events, len(sent))
		for i := range events {
			out := strings.ToLower(string(events[i].Append(nil)))
			for _, s := range spellings(sent[i].token) {
				if strings.Contains(out, strings.ToLower(s)) {
					leaked++
					assert.Fail(t, "leaked", sent[i].where)
				}
			}
			if strings.HasSuffix(sent[i].where, "aside") {
				continue
			}
			due++
			if events[i].Attrs.Str(event.KeyFingerprint) != "" {
				found[sent[i].where]++
			} else {
				missed[sent[i].where]++
			}
		}
		body.Reset()
		sent = sent[:0]
	}
	total := 0
	for total < planted {
		for _, w := range gatewaytest.Writers {
			for _, p := range gatewaytest.Places {
				token := gatewaytest.Shapes[rng.IntN(len(gatewaytest.Shapes))](rng)
				if !w.Headers && !p.InTarget(token) {
					continue
				}
				where := w.Name + ", " + p.Name
				if p.Aside {
					where += ", aside"
				}
				body.Write(write(w, p.Of(token), fmt.Sprint("r-", total)))
				body.WriteByte('\n')
				sent = append(sent, plant{token, where})
				total++
			}
			flush() // one gateway a body: events of one service keep their order
		}
	}
	hits := 0
	for _, n := range found {
		hits += n
	}
	recall := float64(hits) / float64(due)
	t.Logf("%d planted, %d in places that identify: %d found (recall %.4f), %d leaked; missed: %v", total, due, hits, recall, leaked, missed)
	assert.Zero(t, leaked)
	assert.GreaterOrEqual(t, recall, 0.99)
}

// Ten thousand requests of ordinary traffic, full of ids, hashes and base64: none of it is taken for a token.
func TestCleanCorpus(t *testing.T) {
	r := start(t, testConfig(t))
	rng := rand.New(rand.NewPCG(11, 11))
	const records, perBody = 10_000, 500
	taken := map[string]int{}
	touched := 0
	for from := 0; from < records; from += perBody {
		var body strings.Builder
		for i := range perBody {
			w := gatewaytest.Writers[(from+i)%len(gatewaytest.Writers)]
			body.Write(write(w, gatewaytest.Clean(rng), fmt.Sprint("r-", from+i)))
			body.WriteByte('\n')
		}
		r.sink.Reset()
		a := r.post("/ingest", []byte(body.String()))
		require.Equal(t, perBody, a.report.Accepted, "%s", a.body)
		for _, e := range r.events() {
			if e.Attrs.Str(event.KeyFingerprint) != "" || e.Attrs.Str(event.KeyTokenVisibility) != "" {
				taken[e.Attrs.Str(event.KeyFormat)+" "+e.Attrs.Str(event.KeyTokenLocation)]++
			}
			for _, a := range e.Attrs {
				if strings.Contains(a.Value.Text(), "[REDACTED") && !strings.HasSuffix(a.Key, ".cookie") {
					touched++
					if touched < 10 {
						t.Logf("touched: %s = %s", a.Key, a.Value.Text())
					}
				}
			}
		}
	}
	t.Logf("%d clean records: %d taken for a token %v, %d values touched", records, len(taken), taken, touched)
	assert.Empty(t, taken)
	assert.Zero(t, touched)
}
