package jwks

import (
	"context"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// serve is an issuer's HTTPS server; client trusts its certificate.
func serve(t *testing.T, h http.HandlerFunc) (addr string, client *http.Client) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.URL, srv.Client()
}

// load asks once, as the follower does, and returns the error that stays.
func load(t *testing.T, addr string, client *http.Client, counts *counters) (*issuer, error) {
	t.Helper()
	is, err := newIssuer(Issuer{Name: iss, URL: addr, Client: client}, counts, nil)
	require.NoError(t, err)
	is.refresh(t.Context())
	return is, is.failure
}

func TestFetchOverTLS(t *testing.T) {
	var set atomic.Pointer[[]byte]
	publish := func(b []byte) { set.Store(&b) }
	publish(setOf(jwk(rsaKey(), "k1", "RS256")))
	addr, client := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(*set.Load()) })
	var counts counters
	is, err := load(t, addr, client, &counts)
	require.NoError(t, err)
	require.Len(t, is.set.Load().keys, 1)
	k1 := is.set.Load().keys[0]

	publish(setOf(jwk(rsaKey(), "k1", "RS256"), jwk(ecKey(), "k2", "")))
	is.refresh(t.Context())
	require.NoError(t, is.failure)
	require.Len(t, is.set.Load().keys, 2)
	assert.Same(t, k1, is.set.Load().keys[0])
	generation := is.generation()
	is.refresh(t.Context())
	assert.Equal(t, generation, is.generation(), "the same content is the same set")

	publish(setOf(jwk(rsaKey2(), "k1", "RS256")))
	is.refresh(t.Context())
	assert.True(t, k1.dead.Load(), "another key took its id")
	assert.Equal(t, int64(4), counts.refreshes.Load())
	assert.Zero(t, counts.refreshErrors.Load())
}

func TestBadAnswers(t *testing.T) {
	good := setOf(jwk(ecKey(), "k1", ""))
	f := func(want string, h http.HandlerFunc) {
		t.Helper()
		addr, client := serve(t, h)
		var counts counters
		is, err := load(t, addr+"/jwks?key=dummy-secret", client, &counts)
		require.Error(t, err, want)
		assert.Contains(t, err.Error(), want)
		assert.NotContains(t, err.Error(), "dummy-secret")
		assert.NotContains(t, err.Error(), "attacker text")
		assert.NotContains(t, err.Error(), "\n")
		assert.Nil(t, is.set.Load())
		assert.Equal(t, int64(1), counts.refreshErrors.Load())
	}
	text := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
	}
	f("status must be 200, found 500", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write(good)
	})
	f("status must be 200, found 204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	f("must be JSON", text("<html>attacker text"))
	f("must be JSON", text(""))
	f("must be JSON", text(string(good)+"attacker text"))
	f("must be JSON", text(strings.Repeat("[", maxSetBytes)))
	f("key set must have at most 1048576 bytes", text(strings.Repeat(" ", maxSetBytes)+string(good)))
	f("key set must have at most 1048576 bytes", func(w http.ResponseWriter, r *http.Request) {
		for chunk := strings.Repeat("x", 64<<10); r.Context().Err() == nil; {
			if _, err := io.WriteString(w, chunk); err != nil { // without end: the reader must be the one to stop
				return
			}
		}
	})
	f("unexpected EOF", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5000")
		_, _ = w.Write(good)
	})
	f("refused a redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+r.Host+"/plain", http.StatusFound)
	})
	f("refused a redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://attacker.example.test/", http.StatusFound)
	})
	f("stopped after 5 redirects", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) })
}

func TestARedirectOnTheHostIsFollowed(t *testing.T) {
	addr, client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/jwks" {
			http.Redirect(w, r, "/jwks", http.StatusMovedPermanently)
			return
		}
		_, _ = w.Write(setOf(jwk(ecKey(), "k1", "")))
	})
	_, err := load(t, addr, client, &counters{})
	require.NoError(t, err)
}

// An issuer whose certificate nobody vouches for publishes nothing.
func TestAWrongCertificate(t *testing.T) {
	asked := atomic.Bool{}
	addr, client := serve(t, func(http.ResponseWriter, *http.Request) { asked.Store(true) })

	is, err := load(t, addr, nil, &counters{})
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)
	assert.Nil(t, is.set.Load())

	u := must(url.Parse(addr))
	_, err = load(t, "https://localhost:"+u.Port(), client, &counters{})
	var name x509.HostnameError
	require.ErrorAs(t, err, &name)
	assert.False(t, asked.Load())

	_, err = load(t, "http://"+u.Host, nil, &counters{})
	require.Error(t, err, "plain text to a TLS port")
}

func TestASlowIssuer(t *testing.T) {
	addr, client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"keys":[`)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	is, err := newIssuer(Issuer{Name: iss, URL: addr, Client: client}, &counters{}, nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := is.source.read(ctx)
		done <- err
	}()
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}

func TestOpenRefusesABadConfiguration(t *testing.T) {
	f := func(want string, issuers ...Issuer) {
		t.Helper()
		_, err := Open(t.Context(), Config{Issuers: issuers})
		require.ErrorContains(t, err, want)
	}
	good, _ := filepathOf(t, string(setOf(jwk(ecKey(), "k1", ""))))
	f("issuer must not be empty", Issuer{File: good})
	f("must have one of file and address", Issuer{Name: iss})
	f("must have one of file and address", Issuer{Name: iss, File: good, URL: "https://x.example.test"})
	f("issuers must be distinct", Issuer{Name: iss, File: good}, Issuer{Name: iss, File: good})
	f("interval must be at least 1m0s, found 1s", Issuer{Name: iss, URL: "https://x.example.test", Interval: 1e9})
	f("rate must not be negative, found -1", Issuer{Name: iss, File: good, Rate: -1})
	f("address must be an http or https URL", Issuer{Name: iss, URL: "file:///etc/passwd"})
	f("address must be an http or https URL", Issuer{Name: iss, URL: "https://"})
	f("no such file", Issuer{Name: iss, File: good}, Issuer{Name: other, File: good + ".none"})
}
