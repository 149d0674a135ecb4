package apilogreceiver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTemplateOf(t *testing.T) {
	f := func(path, want string) {
		t.Helper()
		assert.Equal(t, want, string(appendTemplate(nil, path)))
	}
	f("/", "/")
	f("/v1/orders", "/v1/orders")
	f("/v1/orders/", "/v1/orders/")
	f("/v1/orders/17/items/3", "/v1/orders/{id}/items/{id}")
	f("/v2/users/3f2b8c4e-0d3a-4b57-9a51-0f6b1c2d3e4f", "/v2/users/{id}")
	f("/o/01J9ZK3Q7W8XW3T6M2R4C5V7B9", "/o/{id}")
	f("/commits/deadbeefcafe", "/commits/deadbeefcafe")
	f("/commits/dead8eefcafe", "/commits/{id}")
	f("/s3/buckets/oauth2/callback", "/s3/buckets/oauth2/callback")
	f("/users/me@example.test", "/users/{id}")
	f("/hook/[REDACTED:slack]/x", "/hook/{id}/x")
	f("/x/"+strings.Repeat("a", 41), "/x/{id}")
	f("/a/AbCdEfGhIjKlMnOpQrStUv", "/a/{id}")
	f(strings.Repeat("/a", 20), strings.Repeat("/a", 12)+"/{rest}")
}

// A scan for paths that do not exist must neither fill the list nor appear in it.
func TestOnlyAnswersTeach(t *testing.T) {
	hits := map[string]int{}
	ts := newTemplates(3, func(l string) { hits[l]++ })
	assert.Empty(t, ts.of("api", "/.env", 404))
	assert.Empty(t, ts.of("api", "/orders", 500))
	assert.Equal(t, "/orders", ts.of("api", "/orders", 200))
	assert.Equal(t, "/orders", ts.of("api", "/orders", 500))
	assert.Empty(t, ts.of("other-api", "/orders", 500))
	assert.Empty(t, ts.of("api", "*", 200))
	for i := range 10 {
		ts.of("api", "/page-"+string(rune('a'+i)), 302)
	}
	assert.Len(t, ts.known["api"], 3)
	assert.Equal(t, 8, hits[limitTemplates])
	for i := range templateServices + 5 {
		ts.of(fmt.Sprintf("svc-%d", i), "/x", 200)
	}
	assert.Len(t, ts.known, templateServices)
	assert.Equal(t, 6, hits[limitServices])
}
