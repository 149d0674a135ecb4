package ownerhttp

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/keytrail/keytrail/internal/owner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve is a directory's HTTPS server; client trusts its certificate.
func serve(t testing.TB, h http.HandlerFunc) (addr string, client *http.Client) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.URL, srv.Client()
}

func open(t testing.TB, c Config) *Source {
	t.Helper()
	s, err := Open(c)
	require.NoError(t, err)
	return s
}

// load returns the owners of a whole load in order.
func load(t testing.TB, s *Source, since owner.Mark) (owners []string, mark owner.Mark, full bool) {
	t.Helper()
	mark, full, err := s.Load(t.Context(), since, func(r *owner.Row) error {
		owners = append(owners, r.OwnerID)
		return nil
	})
	require.NoError(t, err)
	return owners, mark, full
}

// refused loads and expects an error with nothing of the server, the query or the path in it.
func refused(t *testing.T, reason Reason, s *Source) *Error {
	t.Helper()
	_, _, err := s.Load(t.Context(), "", func(*owner.Row) error { return nil })
	return expect(t, err, reason, s)
}

func expect(t *testing.T, err error, reason Reason, s *Source) *Error {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, reason, e.Reason, e.Rule)
	for _, hidden := range []string{"dummy-secret", "attacker", "127.0.0.1", "https:"} {
		assert.NotContains(t, err.Error(), hidden)
	}
	assert.NotContains(t, err.Error(), "\n")
	assert.Equal(t, int64(1), s.Stats().Failures[reason])
	assert.Contains(t, Reasons, reason)
	return e
}

func says(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
}

// dummySum is the hash of a token that nobody has.
func dummySum() string {
	sum := sha256.Sum256([]byte("dummy-" + rand.Text()))
	return hex.EncodeToString(sum[:])
}

func row(ownerID string) string {
	return fmt.Sprintf(`{"sha256":%q,"owner_id":%q}`, dummySum(), ownerID)
}

// rows is a list of rows owned by prefix-0, prefix-1 …
func rows(prefix string, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = row(fmt.Sprintf("%s-%d", prefix, i))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// site is a server of a few pages with ETags, which counts what it is asked.
type site struct {
	pages         atomic.Pointer[[]string]
	full, notMod  atomic.Int64
	etag          func(page int, body string) string
	ignoresIfNone bool
}

func (s *site) publish(pages ...string) { s.pages.Store(&pages) }

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	pages := *s.pages.Load()
	var n int
	_, _ = fmt.Sscan(r.URL.Query().Get("p"), &n)
	if n+1 < len(pages) {
		w.Header().Set("Link", fmt.Sprintf(`</tokens?p=0>; rel="first", </tokens?p=%d>; rel="next"`, n+1))
	}
	if s.etag != nil {
		w.Header().Set("ETag", s.etag(n, pages[n]))
	}
	if tag := w.Header().Get("ETag"); tag != "" && r.Header.Get("If-None-Match") == tag && !s.ignoresIfNone {
		s.notMod.Add(1)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	s.full.Add(1)
	_, _ = io.WriteString(w, pages[n])
}

// counted returns the whole answers and the 304 since the last call.
func (s *site) counted() [2]int64 { return [2]int64{s.full.Swap(0), s.notMod.Swap(0)} }

func contentTag(_ int, body string) string {
	sum := sha256.Sum256([]byte(body))
	return fmt.Sprintf(`W/"%x"`, sum[:8])
}
