package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/loki"
)

func TestALongDeletionIsCutIntoQueriesThatLokiTakes(t *testing.T) {
	d := archive.CopyDeletion{Class: "trail", Keys: map[string][]string{event.KeyOwnerID: {"u-1"}}, Until: time.Now()}
	parts, err := lokiParts(d)
	require.NoError(t, err)
	require.Len(t, parts, 1)

	want := make(map[string]bool)
	for i := range 500 {
		fp := fmt.Sprintf("kt1_%032x", i)
		want[fp] = true
		d.Keys[event.KeyFingerprint] = append(d.Keys[event.KeyFingerprint], fp)
	}
	parts, err = lokiParts(d)
	require.NoError(t, err)
	assert.Less(t, len(parts), 20)
	owners := 0
	for _, p := range parts {
		q, err := p.Query()
		require.NoError(t, err)
		assert.LessOrEqual(t, len(q), lokiQuery)
		for _, fp := range p.Keys[event.KeyFingerprint] {
			assert.True(t, want[fp], "each once")
			delete(want, fp)
		}
		owners += len(p.Keys[event.KeyOwnerID])
	}
	assert.Empty(t, want)
	assert.Equal(t, 1, owners)

	for i := range 100_000 {
		d.Keys[event.KeyEventID] = append(d.Keys[event.KeyEventID], fmt.Sprintf("%032x", i))
	}
	_, err = lokiParts(d)
	require.ErrorContains(t, err, "too many")
}

// Loki says of one request that it is done, of one nothing any more, and of one that it waits.
func TestTheStatesOfDeletionsInLoki(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Scope-OrgID") != "one" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(`[{"request_id":"a","status":"processed"},{"request_id":"b","status":"received"}]`))
	}))
	defer server.Close()
	flags := lokiFlags{endpoint: server.URL, tenants: []string{"one", "away=two"}}
	copies, err := flags.copies()
	require.NoError(t, err)
	request := func(class, id string) archive.CopyRequest {
		return archive.CopyRequest{Copy: "loki", Class: class, ID: id, State: archive.CopyAccepted}
	}
	got := copies[0].Follow(t.Context(), []archive.CopyRequest{request("full", "a"), request("full", "b"), request("full", "c"), request("away", "a")})
	var states []archive.CopyState
	for _, r := range got {
		states = append(states, r.State)
	}
	assert.Equal(t, []archive.CopyState{archive.CopyProcessed, archive.CopyAccepted, archive.CopyFailed, archive.CopyAccepted}, states)

	refused := copies[0]
	_, err = refused.Ask(t.Context(), archive.CopyDeletion{Class: "away", Keys: map[string][]string{event.KeyOwnerID: {"u-1"}}, Until: time.Now()})
	var failure *loki.PushError
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, loki.CauseUnavailable, failure.Cause)
}
