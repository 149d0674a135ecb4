package loki

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

func TestTheQueryOfADeletion(t *testing.T) {
	q, err := Deletion{Class: "full", Keys: map[string][]string{
		event.KeyPrincipal: {"kp1_00"}, event.KeyOwnerID: {`a"b\`, "o-1"},
	}}.Query()
	require.NoError(t, err)
	require.Equal(t, `{retention_class="full"} | token_owner_id="a\"b\\" or token_owner_id="o-1" or token_principal="kp1_00"`, q)

	_, err = Deletion{Class: "full"}.Query()
	require.EqualError(t, err, `deletion from loki needs a key and a value, found none for class "full"`)
	_, err = Deletion{Class: "full", Keys: map[string][]string{event.KeyOwnerID: {""}}}.Query()
	require.EqualError(t, err, `deletion from loki: a value of "token.owner.id" is empty`)
}

// A deletion is asked for, listed as received, then processed; whoever follows it sees the end.
func TestADeletionIsFollowedToItsEnd(t *testing.T) {
	states := []string{"received", "50% Complete", "processed"}
	tenants := map[string]bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tenants[r.Header.Get("X-Scope-OrgID")] = true
		switch r.Method {
		case http.MethodPost:
			if r.URL.Query().Get("start") != "2026-11-01T00:00:00Z" || r.URL.Query().Get("end") != "2026-11-02T00:00:00Z" {
				http.Error(w, "invalid start time", http.StatusBadRequest)
				return
			}
			w.Header().Set("X-Delete-Request-ID", "d1")
			w.WriteHeader(http.StatusNoContent)
		case http.MethodDelete:
			http.Error(w, "deletion of request which is in process or already processed is not allowed", http.StatusBadRequest)
		default:
			state := states[0]
			if len(states) > 1 {
				states = states[1:]
			}
			_ = json.NewEncoder(w).Encode([]map[string]any{{"request_id": "d0", "status": "received", "query": "x"}, {
				"request_id": "d1", "status": state, "query": "y", "start_time": 1793491200.25, "end_time": 1793577600, "created_at": 1793577700,
			}})
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(s.Client().CloseIdleConnections)
	c, err := NewClient(Config{Endpoint: s.URL, Tenants: map[string]string{"full": "t-full"}}, s.Client())
	require.NoError(t, err)
	since := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	id, err := c.Delete(t.Context(), Deletion{"full", map[string][]string{event.KeyOwnerID: {"o"}}, since, since.Add(24 * time.Hour)})
	require.NoError(t, err)
	require.Equal(t, "d1", id)
	got, err := c.Follow(t.Context(), "full", id, time.Millisecond)
	require.NoError(t, err)
	require.True(t, got.Done())
	require.Equal(t, since.Add(-24*time.Hour).Year(), got.StartTime.Time().Year())
	require.Equal(t, 250*time.Millisecond, time.Duration(got.StartTime.Time().Nanosecond()))
	require.Equal(t, map[string]bool{"t-full": true}, tenants)

	_, err = c.Deletion(t.Context(), "full", "d9")
	require.EqualError(t, err, `loki does not list deletion "d9" of class "full"`)
	require.ErrorContains(t, c.Cancel(t.Context(), "full", id), "already processed")
}

// The statuses of the delete endpoint, and what kind of failure each is.
func TestDeletionsThatFail(t *testing.T) {
	for status, cause := range map[int]Cause{400: CauseMisconfigured, 404: CauseMisconfigured, 401: CauseMisconfigured, 429: CauseBusy, 500: CauseUnavailable, 503: CauseUnavailable, 200: CauseMisconfigured} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", status) }))
		c, err := NewClient(Config{Endpoint: s.URL}, s.Client())
		require.NoError(t, err)
		_, err = c.Delete(t.Context(), Deletion{Class: "full", Keys: map[string][]string{"a": {"b"}}, Until: time.Unix(9, 0)})
		var failure *PushError
		require.ErrorAs(t, err, &failure)
		require.Equal(t, cause, failure.Cause, status)
		s.Client().CloseIdleConnections()
		s.Close()
	}
}
