package gateway

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTemplate(t *testing.T) {
	f := func(path, want string) {
		t.Helper()
		var routes Templates
		require.Equal(t, want, routes.Template("s", "GET", path, 200), path)
	}
	f("/", "/")
	f("/v1/orders", "/v1/orders")
	f("/v1/orders/", "/v1/orders")
	f("/v1/orders/4711", "/v1/orders/{id}")
	f("/v1/orders/4711/lines/2", "/v1/orders/{id}/lines/{id}")
	f("/v2.1/oauth2/s3/x86", "/v2.1/oauth2/s3/x86")
	f("/users/2d5c4a3e-7b1f-4000-8000-00000000abcd", "/users/{id}")
	f("/blobs/deadbeef", "/blobs/deadbeef")
	f("/blobs/deadbee1", "/blobs/{id}")
	f("/ulid/01HF2Y8K3QZ9W5T7R1N6M4P0XC", "/ulid/{id}")
	f("/customers/cus_Nf1dJx8Kq", "/customers/{id}")
	f("/repos/go_modules/tags", "/repos/go_modules/tags")
	f("/days/2026-11-23", "/days/{id}")
	f("/files/4711.json", "/files/{id}")
	f("/users/ada@example.test", "/users/{id}")
	f("/q/%7B%7D", "/q/{id}")
	f("/r/[REDACTED:path]/x", "/r/{id}/x")
	f("/l/"+strings.Repeat("a", 49), "/l/{id}")
	f(strings.Repeat("/a", 14), strings.Repeat("/a", 12)+"/{rest}")
}

// TestTemplateLearns: only answers below 400 teach, and what was learned holds for every answer.
func TestTemplateLearns(t *testing.T) {
	var routes Templates
	require.Empty(t, routes.Template("s", "GET", "/wp-login.php", 404))
	require.Empty(t, routes.Template("s", "OPTIONS", "/anything", 204))
	require.Empty(t, routes.Template("s", "GET", "*", 200))
	require.Equal(t, "/orders/{id}", routes.Template("s", "GET", "/orders/1", 200))
	require.Equal(t, "/orders/{id}", routes.Template("s", "DELETE", "/orders/2", 403))
	require.Empty(t, routes.Template("s", "GET", "/orders", 403), "a part of a route is not one")
	require.Empty(t, routes.Template("another", "GET", "/orders/1", 403))
	require.Empty(t, routes.Template("s", "GET", "/wp-login.php", 404))
}

// TestTemplateFlood: who fills one place with names leaves the others alone.
func TestTemplateFlood(t *testing.T) {
	var routes Templates
	require.Equal(t, "/v1/orders", routes.Template("s", "GET", "/v1/orders", 200))
	for i := range 10 * maxChildren {
		routes.Template("s", "GET", "/search/"+letters(i), 200)
	}
	require.Equal(t, "/search/{other}", routes.Template("s", "GET", "/search/zebra", 200))
	require.Equal(t, "/v1/orders", routes.Template("s", "GET", "/v1/orders", 200))
	require.Equal(t, "/v1/refunds", routes.Template("s", "GET", "/v1/refunds", 200))
	require.LessOrEqual(t, len(routes.services["s"].root.children["search"].children), maxChildren+1)
}

func TestTemplateBounds(t *testing.T) {
	var routes Templates
	for i := range 2 * maxPlaces {
		routes.Template("s", "GET", "/"+letters(i%50)+"/"+letters(i/50)+"/"+letters(i)+"/a/b/c", 200)
	}
	require.LessOrEqual(t, routes.services["s"].places, 2*maxPlaces)
	for i := range 2 * maxServices {
		routes.Template(fmt.Sprint("service", i), "GET", "/a", 200)
	}
	require.LessOrEqual(t, len(routes.services), maxServices+1)
}

func TestTemplateConcurrent(t *testing.T) {
	var routes Templates
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				routes.Template(letters(g), "GET", "/"+letters(i)+"/1", 200)
			}
		})
	}
	wg.Wait()
	require.Equal(t, "/aa/{id}", routes.Template(letters(0), "GET", "/aa/9", 500))
}

// letters spells a number without figures.
func letters(i int) string {
	var b []byte
	for ; i >= 26; i /= 26 {
		b = append(b, byte('a'+i%26))
	}
	return string(append(b, byte('a'+i%26), 'a'))
}
