package apilogreceiver

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/secret"
)

// A source's own places: what nobody else's clients do is one rule each, and the credential is the same wherever it
// is sent.
func TestTokenRulesAddPlaces(t *testing.T) {
	cfg := testConfig(t)
	cfg.Sources = []SourceConfig{{Name: "acme", Path: "/ingest/acme", Tokens: []secret.Rule{
		{Header: "X-Acme-Ticket"}, {Query: "t"}, {Cookie: "acme_sid"}, {Path: "/in/{token}/**"}, {Field: "json.badge"},
	}}}
	r := start(t, cfg)
	const ticket = "dummy9ticket7of5acme"
	record := func(target, more string) {
		t.Helper()
		line := fmt.Sprintf(`{"method":"GET","url":%q,"status":200,"request_id":"r-1"%s}`, target, more)
		require.Equal(t, 200, r.post("/ingest/acme", []byte(line)).code)
	}
	record("/v1/a", fmt.Sprintf(`,"headers":{"x-acme-ticket":%q}`, ticket))
	record("/v1/a?t="+ticket, "")
	record("/v1/a", fmt.Sprintf(`,"headers":{"cookie":"lang=de; acme_sid=%s"}`, ticket))
	record("/in/"+ticket+"/orders", "")
	record("/v1/a", fmt.Sprintf(`,"badge":%q`, ticket))

	events := r.events()
	require.Len(t, events, 5)
	for i := range events {
		e := &events[i]
		assert.Equal(t, events[0].Attrs.Str(event.KeyFingerprint), e.Attrs.Str(event.KeyFingerprint), "record %d", i)
		assert.NotContains(t, string(e.Append(nil)), ticket, "record %d", i)
	}
	assert.Equal(t, []string{"header.x-acme-ticket", "query.t", "cookie.acme_sid", "path", "field.badge"}, locations(events))
}

func locations(events []event.Record) []string {
	var out []string
	for i := range events {
		out = append(out, events[i].Attrs.Str(event.KeyTokenLocation))
	}
	return out
}
