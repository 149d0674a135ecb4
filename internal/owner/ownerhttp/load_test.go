package ownerhttp

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/owner"
)

func TestARowOfAnAPIsOwnShape(t *testing.T) {
	sum := dummySum()
	addr, client := serve(t, says(`{"total":1,"data":[{
		"id":9007199254740993,"hashed":"`+sum+`","owner":{"email":"orders@example.test","kind":"service"},
		"teams":[{"name":"checkout"}],"scopes":["orders.read","orders.write"],
		"created":1767312000,"expires":1798848000000,"revoked":null,"never":0,"note":{"dummy-secret":true}}]}`))
	s := open(t, Config{URL: addr + "/tokens?key=dummy-secret", Client: client, Fields: map[string]string{
		"token_id": "id", "sha256": "hashed", "owner_id": "owner.email", "owner_type": "owner.kind", "owner_team": "teams.0.name",
		"token_scopes": "scopes", "created_at": "created", "expires_at": "expires", "revoked_at": "revoked", "valid_until": "never",
		"owner_contact": "owner.missing",
	}})
	var got *owner.Row
	_, full, err := s.Load(t.Context(), "", func(r *owner.Row) error { got = r; return nil })
	require.NoError(t, err)
	assert.True(t, full)
	assert.True(t, got.HasDigest)
	assert.Equal(t, "9007199254740993", got.TokenID, "no digit is lost")
	assert.Equal(t, "orders@example.test service checkout", got.OwnerID+" "+got.OwnerType+" "+got.OwnerTeam)
	assert.Equal(t, []string{"orders.read", "orders.write"}, got.TokenScopes)
	assert.Equal(t, time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), got.CreatedAt)
	assert.Equal(t, time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC), got.ExpiresAt)
	assert.Zero(t, got.RevokedAt)
	assert.Zero(t, got.ValidUntil)
	assert.Empty(t, got.OwnerContact)
}

func TestEnvelopes(t *testing.T) {
	f := func(path, format string) {
		t.Helper()
		addr, client := serve(t, says(fmt.Sprintf(format, row("alice"))))
		owners, _, _ := load(t, open(t, Config{URL: addr, Client: client, Rows: path}), "")
		assert.Equal(t, []string{"alice"}, owners, format)
	}
	f("", `[%s]`)
	for _, name := range envelopes {
		f("", `{"`+name+`":[%s]}`)
	}
	f("page.keys", `{"items":[],"page":{"keys":[%s]}}`)

	addr, client := serve(t, says(`{"items":null}`))
	owners, _, full := load(t, open(t, Config{URL: addr, Client: client}), "")
	assert.Empty(t, owners)
	assert.True(t, full)
}

func TestPaging(t *testing.T) {
	f := func(name string, p Paging, h func(addr, query string) (link, body string)) {
		t.Helper()
		addr, client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			link, body := h("https://"+r.Host, r.URL.RawQuery)
			if link != "" {
				w.Header().Set("Link", link)
			}
			if body == "" {
				w.WriteHeader(http.StatusNotFound)
			}
			_, _ = io.WriteString(w, body)
		})
		owners, _, _ := load(t, open(t, Config{URL: addr + "/t?k=v", Client: client, Paging: p}), "")
		assert.Equal(t, []string{"a", "b", "c"}, owners, name)
	}
	list := func(id string) string { return "[" + row(id) + "]" }
	// bodies answers by query, each page with what leads to the next.
	bodies := func(pages map[string]string) func(string, string) (string, string) {
		return func(_, query string) (string, string) { return "", pages[query] }
	}
	f("link header", Paging{}, func(addr, query string) (string, string) {
		switch query {
		case "k=v":
			return `<` + addr + `/t?p=2,3>; title="a, \"b"; rel="prefetch next"`, list("a")
		case "p=2,3":
			return `</t?p=1>; rel=prev, <?p=3#x>; rel=next`, list("b")
		}
		return `</t?p=1>; rel="first"`, list("c")
	})
	f("next_cursor", Paging{}, bodies(map[string]string{
		"k=v":              `{"items":` + list("a") + `,"next_cursor":"x&y"}`,
		"cursor=x%26y&k=v": `{"items":` + list("b") + `,"next_cursor":7}`,
		"cursor=7&k=v":     `{"items":` + list("c") + `,"next_cursor":""}`,
	}))
	f("next_page_token", Paging{}, bodies(map[string]string{
		"k=v":              `{"items":` + list("a") + `,"next_page_token":"2"}`,
		"k=v&page_token=2": `{"items":` + list("b") + `,"next_page_token":"3"}`,
		"k=v&page_token=3": `{"items":` + list("c") + `,"next_page_token":null}`,
	}))
	f("next address", Paging{}, bodies(map[string]string{
		"k=v": `{"items":` + list("a") + `,"links":{"next":"/t?n=2"}}`,
		"n=2": `{"items":` + list("b") + `,"next":"?n=3"}`,
		"n=3": `{"items":` + list("c") + `,"next":false}`,
	}))
	f("own cursor", Paging{CursorField: "meta.after", CursorParam: "after"}, bodies(map[string]string{
		"k=v":         `{"items":` + list("a") + `,"meta":{"after":"1"},"next":"/elsewhere"}`,
		"after=1&k=v": `{"items":` + list("b") + `,"meta":{"after":"2"}}`,
		"after=2&k=v": `{"items":` + list("c") + `,"meta":{}}`,
	}))
	f("numbers until an empty page", Paging{PageParam: "page"}, bodies(map[string]string{
		"k=v&page=1": list("a"), "k=v&page=2": list("b"), "k=v&page=3": list("c"), "k=v&page=4": `[]`,
	}))
	f("numbers until there is no page", Paging{PageParam: "page", ZeroBased: true}, bodies(map[string]string{
		"k=v&page=0": list("a"), "k=v&page=1": list("b"), "k=v&page=2": list("c"),
	}))
}

func TestNothingChanged(t *testing.T) {
	st := &site{etag: contentTag}
	a, b, c := rows("a", 2), rows("b", 2), rows("c", 1)
	st.publish(a, b, c)
	addr, client := serve(t, st.ServeHTTP)
	s := open(t, Config{URL: addr + "/tokens", Client: client})
	owners, mark, full := load(t, s, "")
	assert.Equal(t, []string{"a-0", "a-1", "b-0", "b-1", "c-0"}, owners)
	assert.True(t, full)
	assert.Equal(t, [2]int64{3, 0}, st.counted())

	owners, again, full := load(t, s, mark)
	assert.Empty(t, owners)
	assert.Equal(t, mark, again)
	assert.False(t, full)
	assert.Equal(t, [2]int64{0, 3}, st.counted())
	assert.Equal(t, int64(1), s.Stats().Unchanged)

	st.publish(a, b, rows("d", 1)) // a change on the last page only
	owners, changed, full := load(t, s, mark)
	assert.Equal(t, []string{"a-0", "a-1", "b-0", "b-1", "d-0"}, owners)
	assert.True(t, full)
	assert.NotEqual(t, mark, changed)
	st.counted()

	st.publish(rows("e", 1)) // on the first: its answer is not asked for twice
	owners, _, _ = load(t, s, changed)
	assert.Equal(t, []string{"e-0"}, owners)
	assert.Equal(t, [2]int64{1, 0}, st.counted())

	_, _, full = load(t, s, changed) // a mark that is not the last load's
	assert.True(t, full)
	assert.NotContains(t, string(changed), "tokens")
}

// The last page was full; when another begins after it, neither its body nor its ETag changes.
func TestAPageBeginsAfterTheLast(t *testing.T) {
	st := &site{etag: contentTag}
	a := rows("a", 2)
	st.publish(a)
	addr, client := serve(t, st.ServeHTTP)
	s := open(t, Config{URL: addr, Client: client})
	_, mark, _ := load(t, s, "")
	st.publish(a, rows("b", 1))
	owners, _, full := load(t, s, mark)
	assert.True(t, full)
	assert.Equal(t, []string{"a-0", "a-1", "b-0"}, owners)
}

func TestETagsThatFlap(t *testing.T) {
	var n atomic.Int64
	st := &site{etag: func(int, string) string { return fmt.Sprintf("%q", strconv.FormatInt(n.Add(1), 10)) }}
	st.publish(rows("a", 2), rows("b", 1))
	addr, client := serve(t, st.ServeHTTP)
	s := open(t, Config{URL: addr, Client: client})
	_, mark, _ := load(t, s, "")
	for range 3 {
		owners, again, full := load(t, s, mark)
		assert.Empty(t, owners, "the content is the same")
		assert.Equal(t, mark, again)
		assert.False(t, full)
	}
}

func TestWithoutETagsEveryLoadIsFull(t *testing.T) {
	st := &site{}
	st.publish(rows("a", 2))
	addr, client := serve(t, st.ServeHTTP)
	s := open(t, Config{URL: addr, Client: client})
	_, mark, _ := load(t, s, "")
	owners, _, full := load(t, s, mark)
	assert.Len(t, owners, 2)
	assert.True(t, full)
	assert.Equal(t, [2]int64{2, 0}, st.counted())
}

func TestAFailureKeepsTheMarkGood(t *testing.T) {
	st := &site{etag: contentTag}
	st.publish(rows("a", 1), rows("b", 1))
	var down atomic.Bool
	addr, client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		st.ServeHTTP(w, r)
	})
	s := open(t, Config{URL: addr, Client: client})
	_, mark, _ := load(t, s, "")
	down.Store(true)
	_, _, err := s.Load(t.Context(), mark, nil)
	require.Error(t, err)
	down.Store(false)
	_, again, full := load(t, s, mark)
	assert.Equal(t, mark, again)
	assert.False(t, full)
}

func TestTheCallersErrorEndsTheLoad(t *testing.T) {
	addr, client := serve(t, says(rows("a", 5)))
	s := open(t, Config{URL: addr, Client: client})
	enough, seen := errors.New("enough"), 0
	_, _, err := s.Load(t.Context(), "", func(*owner.Row) error {
		if seen++; seen == 2 {
			return enough
		}
		return nil
	})
	require.ErrorIs(t, err, enough)
	assert.Equal(t, 2, seen)
	_, mark, full := load(t, s, "")
	assert.True(t, full)
	assert.NotEmpty(t, mark)
}

func TestCompressedBodies(t *testing.T) {
	body := rows("a", 3)
	for _, disabled := range []bool{false, true} {
		addr, client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "gzip", r.Header.Get("Accept-Encoding"))
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, body)
			_ = z.Close()
		})
		client.Transport.(*http.Transport).DisableCompression = disabled
		owners, _, _ := load(t, open(t, Config{URL: addr, Client: client}), "")
		assert.Len(t, owners, 3)
	}
}

func TestAHundredThousandRows(t *testing.T) {
	const pages, size = 20, 5000
	list := make([]string, pages)
	for i := range list {
		list[i] = rows(fmt.Sprint(i), size)
	}
	st := &site{etag: contentTag}
	st.publish(list...)
	addr, client := serve(t, st.ServeHTTP)
	s := open(t, Config{URL: addr, Client: client})
	began := time.Now()
	n := 0
	_, _, err := s.Load(t.Context(), "", func(*owner.Row) error { n++; return nil })
	require.NoError(t, err)
	assert.Equal(t, pages*size, n)
	t.Logf("%d rows in %d pages, %d bytes: %s", n, pages, s.Stats().Bytes, time.Since(began).Round(time.Millisecond))
}
