package ownerhttp

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/owner"
)

// loadFrom expects a load from h to fail for a reason.
func loadFrom(t *testing.T, reason Reason, c Config, h http.HandlerFunc) *Error {
	t.Helper()
	addr, client := serve(t, h)
	c.URL, c.Client = addr+"/tokens?key=dummy-secret", client
	return refused(t, reason, open(t, c))
}

func TestStatuses(t *testing.T) {
	f := func(reason Reason, code int, retry string, after time.Duration) {
		t.Helper()
		e := loadFrom(t, reason, Config{}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", retry)
			w.WriteHeader(code)
			_, _ = io.WriteString(w, "attacker text")
		})
		assert.Equal(t, fmt.Sprintf("status must be 200, found %d", code), e.Rule)
		assert.InDelta(t, after, e.RetryAfter(), float64(2*time.Second))
	}
	f(ServerError, 500, "", 0)
	f(ServerError, 503, "120", 2*time.Minute)
	f(RateLimited, 429, "7", 7*time.Second)
	f(RateLimited, 429, time.Now().Add(time.Minute).UTC().Format(http.TimeFormat), time.Minute)
	f(RateLimited, 429, "-5", 0)
	f(RateLimited, 429, "99999999999", 24*time.Hour)
	f(RateLimited, 429, "attacker", 0)
	f(Unauthorized, 401, "", 0)
	f(Unauthorized, 403, "", 0)
	f(Status, 404, "", 0)
	f(Status, 418, "", 0)
	e := loadFrom(t, Status, Config{}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	assert.Equal(t, "status must be 200, found 204", e.Rule)
}

func TestGarbage(t *testing.T) {
	for _, body := range []string{"", "<html>attacker</html>", "[", `[{}] attacker`, `{"items":[`, "\x00\xff", strings.Repeat("[", 100_000), `[{"a":nan}]`} {
		loadFrom(t, NotJSON, Config{}, says(body))
	}
	for _, body := range []string{
		`"attacker"`, `null`, `{}`, `{"error":"attacker"}`, `{"items":{}}`, `{"items":"attacker"}`, `{"next_cursor":{},"items":[]}`,
	} {
		loadFrom(t, Shape, Config{}, says(body))
	}
	for body, rule := range map[string]string{
		`[{"owner_id":"a","credential_id":"c"},7]`:                                                                   "row 2 of page 1: must be an object",
		`[{"owner_id":{"attacker":1}}]`:                                                                              "row 1 of page 1: `owner_id` must be one value, found an object",
		`[{"owner_id":["attacker"]}]`:                                                                                "row 1 of page 1: `owner_id` must be one value, found a list",
		`[{"owner_id":"a","credential_id":"c","owner_type":"attacker"}]`:                                             "row 1 of page 1: `owner_type` must be user, service or automation",
		`[{"owner_id":"a","credential_id":"c","token_scopes":[1]}]`:                                                  "row 1 of page 1: `token_scopes` must be a list of strings",
		`[{"owner_id":"a","credential_id":"c","created_at":-1}]`:                                                     "row 1 of page 1: `created_at` must be a time in seconds or milliseconds",
		`[{"owner_id":"a","credential_id":"c","created_at":1e300}]`:                                                  "row 1 of page 1: `created_at` must be a time in seconds or milliseconds",
		`[{"owner_id":"a","sha256":"attacker-dummy-secret"}]`:                                                        "row 1 of page 1: `sha256` must be 64 hexadecimal digits or the base64 of 32 bytes",
		`[{"owner_id":"a\nb","credential_id":"c"}]`:                                                                  "row 1 of page 1: `owner_id` must be printable UTF-8",
		`[{"owner_id":"","credential_id":"c"}]`:                                                                      "row 1 of page 1: needs `owner_id`",
		`[{"owner_id":"a","credential_id":"c","token_scopes":[` + strings.Repeat(`"s",`, owner.MaxScopes) + `"s"]}]`: "row 1 of page 1: `token_scopes` must hold at most 128 scopes, found 129",
	} {
		assert.Equal(t, rule, loadFrom(t, BadRow, Config{}, says(body)).Rule)
	}
}

func TestBodiesWithoutEnd(t *testing.T) {
	c := Config{MaxPageBytes: 1 << 20}
	loadFrom(t, BodyTooLarge, c, says("["+strings.Repeat(" ", 1<<20)+"]"))
	loadFrom(t, BodyTooLarge, c, func(w http.ResponseWriter, r *http.Request) {
		for chunk := strings.Repeat(" ", 64<<10); r.Context().Err() == nil; {
			if _, err := io.WriteString(w, chunk); err != nil { // without end: the reader must be the one to stop
				return
			}
		}
	})
	loadFrom(t, BodyTooLarge, c, func(w http.ResponseWriter, _ *http.Request) { // a bomb
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		for range 100 {
			_, _ = z.Write(make([]byte, 1<<20))
		}
	})
	loadFrom(t, BodyTooLarge, Config{MaxBytes: 1000}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"items":[],"next_cursor":"%s1","pad":"%s"}`, r.URL.Query().Get("cursor"), strings.Repeat("x", 300))
	})
	loadFrom(t, Connection, Config{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5000")
		_, _ = io.WriteString(w, "[")
	})
	loadFrom(t, Encoding, Config{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, "attacker text, not gzip at all")
	})
	loadFrom(t, Encoding, Config{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "attacker")
		_, _ = io.WriteString(w, "[]")
	})
}

func TestListsWithoutEnd(t *testing.T) {
	counter := func() http.HandlerFunc {
		var n atomic.Int64
		return func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"items":[%s],"next_cursor":"%d"}`, row("a"), n.Add(1))
		}
	}
	assert.Equal(t, "list must have at most 20 pages", loadFrom(t, TooManyPages, Config{MaxPages: 20}, counter()).Rule)
	assert.Equal(t, "list must have at most 20 rows", loadFrom(t, TooManyRows, Config{MaxRows: 20}, counter()).Rule)
	loadFrom(t, NextLink, Config{}, says(`{"items":[],"next_cursor":"same"}`))
	loadFrom(t, NextLink, Config{}, says(`{"items":[],"next":"/tokens?key=dummy-secret"}`))
	loadFrom(t, NextLink, Config{Paging: Paging{PageParam: "page"}}, says(rows("a", 1))) // ignores the number
	loadFrom(t, NextLink, Config{}, says(`{"items":[],"next_cursor":"`+strings.Repeat("x", maxURLBytes)+`"}`))
}

// A next page, or a redirect, elsewhere would carry the client's credentials there.
func TestNothingLeavesTheOrigin(t *testing.T) {
	var asked atomic.Int64
	elsewhere, _ := serve(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	plain := func(r *http.Request) string { return "http://" + r.Host + "/tokens?dummy-secret" }
	user := func(r *http.Request) string { return "https://attacker:dummy-secret@" + r.Host + "/2" }
	for _, to := range []func(*http.Request) string{
		func(*http.Request) string { return elsewhere + "/dummy-secret" },
		func(r *http.Request) string { return strings.TrimPrefix(elsewhere, "https:") + "/" },
		plain, user,
	} {
		loadFrom(t, NextLink, Config{}, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "<"+to(r)+`>; rel="next"`)
			_, _ = io.WriteString(w, "[]")
		})
		loadFrom(t, NextLink, Config{}, func(w http.ResponseWriter, r *http.Request) {
			next := to(r)
			if strings.HasPrefix(next, "//") {
				next = "https:" + next
			}
			_, _ = fmt.Fprintf(w, `{"items":[],"next":%q}`, next)
		})
		loadFrom(t, Redirect, Config{}, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", to(r))
			w.WriteHeader(http.StatusTemporaryRedirect)
		})
	}
	loadFrom(t, Redirect, Config{}, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/again", http.StatusFound)
	})
	assert.Zero(t, asked.Load())

	addr, client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/tokens" {
			http.Redirect(w, r, "/v2/tokens", http.StatusMovedPermanently)
			return
		}
		if r.URL.RawQuery == "" {
			w.Header().Set("Link", `<tokens?p=2>; rel=next`) // relative to where the redirect led
		}
		assert.Equal(t, "/v2/tokens", r.URL.Path)
		_, _ = io.WriteString(w, rows("a", 1))
	})
	owners, _, _ := load(t, open(t, Config{URL: addr + "/tokens", Client: client}), "")
	assert.Len(t, owners, 2)
}

func TestWrongCertificates(t *testing.T) {
	var asked atomic.Bool
	addr, client := serve(t, func(http.ResponseWriter, *http.Request) { asked.Store(true) })
	e := refused(t, Certificate, open(t, Config{URL: addr}))
	assert.Equal(t, "certificate must be signed by a trusted authority", e.Rule)

	u, err := url.Parse(addr)
	require.NoError(t, err)
	e = refused(t, Certificate, open(t, Config{URL: "https://localhost:" + u.Port(), Client: client}))
	assert.Equal(t, "certificate must be for this host", e.Rule)

	old := client.Transport.(*http.Transport).Clone()
	old.TLSClientConfig.Time = func() time.Time { return time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC) }
	t.Cleanup(old.CloseIdleConnections)
	e = refused(t, Certificate, open(t, Config{URL: addr, Client: &http.Client{Transport: old}}))
	assert.Equal(t, "certificate must be valid now and for servers", e.Rule)
	assert.False(t, asked.Load())
}

func TestNobodyThere(t *testing.T) {
	transport := &http.Transport{}
	s := open(t, Config{URL: "https://127.0.0.1:1", Client: &http.Client{Transport: transport}})
	assert.Equal(t, "must accept connections", refused(t, Connection, s).Rule)
}

func TestASlowServer(t *testing.T) {
	slow := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `[`)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	loadFrom(t, Timeout, Config{Timeout: 50 * time.Millisecond}, slow)
	loadFrom(t, Timeout, Config{Timeout: 50 * time.Millisecond}, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })

	began := make(chan struct{})
	addr, client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(began)
		slow(w, r)
	})
	s := open(t, Config{URL: addr, Client: client})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	_, _, err := s.Load(ctx, "", nil)
	expect(t, err, Canceled, s)
}
