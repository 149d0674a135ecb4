package loki

import (
	"net/http"
	"testing"

	"github.com/grafana/loki/pkg/push"
	"github.com/stretchr/testify/require"
)

// silent is a Loki that takes the first n requests and says of each that it did not.
func silent(t *testing.T, n int) (*server, *Client) {
	t.Helper()
	var s *server
	s, c := serve(t, func(req push.PushRequest) reply {
		if n--; n >= 0 {
			s.taken.Take(req)
			return reply{503, "", ""}
		}
		return reply{204, "", ""}
	})
	return s, c
}

// twice counts the entries that stand, and those of them that stand more than once.
func (s *server) twice() (all, twice int) {
	stands := map[string]int{}
	for _, e := range s.taken.Entries() {
		all++
		if stands[e.Labels+e.ID()]++; stands[e.Labels+e.ID()] == 2 {
			twice++
		}
	}
	return all, twice
}

// Loki took a batch and its answer was lost: it is asked what it has, and nothing is sent again.
func TestAnAnswerThatWasLost(t *testing.T) {
	s, c := silent(t, 1)
	all := entries(6000, fingerprint, "kt1_02000000000000000000000000000000")
	got, err := c.Push(t.Context(), all)
	require.Error(t, err)
	first := len(s.taken.Entries())
	require.Greater(t, first, askEntries, "one question is not enough")
	require.Less(t, first, len(all))
	require.Equal(t, Result{Retry: true}, got)

	got, err = c.Push(t.Context(), all)
	require.NoError(t, err)
	require.Equal(t, Result{Settled: 6000, Delivered: 6000}, got)
	stand, twice := s.twice()
	require.Equal(t, 6000, stand)
	require.Zero(t, twice)
}

// Of a batch in many parts Loki took some before it went away.
func TestAPartThatWasTaken(t *testing.T) {
	var s *server
	down := true
	s, c := serve(t, func(req push.PushRequest) reply {
		n := len(req.Streams[0].Entries)
		switch {
		case n > 100:
			return reply{413, "", ""}
		case down && len(s.taken.Entries()) >= 300:
			return reply{503, "", ""}
		}
		return reply{204, "", ""}
	})
	all := entries(1000)
	got, err := c.Push(t.Context(), all)
	require.Error(t, err)
	require.Zero(t, got.Settled)
	down = false
	got, err = c.Push(t.Context(), all)
	require.NoError(t, err)
	require.Equal(t, Result{Settled: 1000, Delivered: 1000}, got)
	stand, twice := s.twice()
	require.Equal(t, 1000, stand)
	require.Zero(t, twice)
}

// What was delivered and comes again, as from a block after the journal let go of its segment, is not sent again until
// it is said that it cannot come again.
func TestWhatIsKnownToStandIsNotSentAgain(t *testing.T) {
	s, c := silent(t, 0)
	all := entries(10)
	_, err := c.Push(t.Context(), all[:6])
	require.NoError(t, err)
	got, err := c.Push(t.Context(), all)
	require.NoError(t, err)
	require.Equal(t, Result{Settled: 10, Delivered: 4}, got)
	c.Forget()
	_, err = c.Push(t.Context(), all[:1])
	require.NoError(t, err)
	stand, twice := s.twice()
	require.Equal(t, 11, stand)
	require.Equal(t, 1, twice)
}

// After a start nobody knows what the process before had sent.
func TestEntriesUnderSuspicion(t *testing.T) {
	s, c := silent(t, 0)
	all := entries(10)
	_, err := c.Push(t.Context(), all[:6])
	require.NoError(t, err)
	c, err = NewClient(Config{Endpoint: s.URL}, s.Client())
	require.NoError(t, err)
	c.Suspect(all)
	c.Suspect(all)
	got, err := c.Push(t.Context(), all)
	require.NoError(t, err)
	require.Equal(t, Result{Settled: 10, Delivered: 10}, got)
	_, twice := s.twice()
	require.Zero(t, twice)
	require.Equal(t, 1, s.taken.Asked())
}

// A Loki that lets us write and not read gets the batch again, and the doubt is counted.
func TestALokiThatCannotBeAsked(t *testing.T) {
	s, c := silent(t, 1)
	s.deny.Store(http.StatusForbidden)
	all := entries(10)
	_, err := c.Push(t.Context(), all)
	require.Error(t, err)
	got, err := c.Push(t.Context(), all)
	require.NoError(t, err)
	require.Equal(t, Result{Settled: 10, Delivered: 10, Unchecked: 10}, got)
	_, twice := s.twice()
	require.Equal(t, 10, twice)
}

// Queriers that are away hold the entries up for a while, not for good.
func TestQueriersThatStayAway(t *testing.T) {
	s, c := silent(t, 1)
	s.deny.Store(http.StatusServiceUnavailable)
	all := entries(10)
	_, err := c.Push(t.Context(), all)
	require.Error(t, err)
	for range maxAsks - 1 {
		got, err := c.Push(t.Context(), all)
		require.Error(t, err)
		require.Equal(t, Result{Retry: true}, got)
	}
	got, err := c.Push(t.Context(), all)
	require.NoError(t, err)
	require.Equal(t, 10, got.Unchecked)
}

// A Loki that nobody listens for was sent nothing: there is nothing to ask.
func TestNothingWasSent(t *testing.T) {
	s, c := silent(t, 0)
	s.Close()
	_, err := c.Push(t.Context(), entries(10))
	require.Error(t, err)
	require.Empty(t, c.ledger.suspects())
}
