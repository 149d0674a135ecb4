package ownerhttp

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"
)

// parse refuses what is not JSON through and through; the parser alone lets some of it pass. It comes first, since it
// bounds the depth: the validator of a hundred thousand brackets takes minutes to write its error.
func parse(p *fastjson.Parser, body []byte) (*fastjson.Value, error) {
	v, err := p.ParseBytes(body)
	if err == nil {
		err = fastjson.ValidateBytes(body)
	}
	if err != nil {
		return nil, failf(NotJSON, "body must be JSON")
	}
	return v, nil
}

// envelopes are the names under which APIs give a list, in the order they are looked for.
var envelopes = []string{"items", "data", "results", "tokens"}

// rowsOf finds the list of rows in a document. A null is the empty list of languages with nil slices.
func (s *Source) rowsOf(doc *fastjson.Value) ([]*fastjson.Value, error) {
	if s.c.Rows != "" {
		return asRows(doc.Get(splitPath(s.c.Rows)...))
	}
	if doc.Type() == fastjson.TypeArray {
		return asRows(doc)
	}
	for _, name := range envelopes {
		if v := doc.Get(name); v != nil {
			return asRows(v)
		}
	}
	return asRows(nil)
}

func asRows(v *fastjson.Value) ([]*fastjson.Value, error) {
	switch {
	case v == nil:
		return nil, failf(Shape, "body must hold a list of rows")
	case v.Type() == fastjson.TypeNull:
		return nil, nil
	case v.Type() != fastjson.TypeArray:
		return nil, failf(Shape, "rows must be a list")
	}
	return v.Array()
}

// cursors are where APIs put what leads to the next page, with the parameter to send it back in.
var cursors = []struct{ field, param string }{
	{"next_page_token", "page_token"}, {"next_cursor", "cursor"}, {"next", "cursor"}, {"links.next", "cursor"},
}

// next returns the address of the page after the one that u gave, nil after the last.
func (s *Source) next(u *url.URL, number, rows int, a *answer, doc *fastjson.Value) (*url.URL, error) {
	if s.c.Paging.PageParam != "" {
		if rows == 0 {
			return nil, nil
		}
		return s.numbered(number + 1), nil
	}
	if a.next != "" {
		return s.follow(a.from, a.next)
	}
	cursor, param, err := s.cursor(doc)
	if err != nil || cursor == "" {
		return nil, err
	}
	if isReference(cursor) {
		return s.follow(u, cursor)
	}
	return s.bounded(withParam(s.list, param, cursor))
}

// cursor reads what the body says of the next page; null, false and "" say that there is none.
func (s *Source) cursor(doc *fastjson.Value) (cursor, param string, err error) {
	p := s.c.Paging
	list := cursors
	if p.CursorField != "" {
		list = []struct{ field, param string }{{p.CursorField, "cursor"}}
	}
	if doc.Type() != fastjson.TypeObject {
		return "", "", nil
	}
	for _, c := range list {
		v := doc.Get(splitPath(c.field)...)
		if v == nil {
			continue
		}
		if p.CursorParam != "" {
			c.param = p.CursorParam
		}
		switch v.Type() {
		case fastjson.TypeString:
			b, _ := v.StringBytes()
			return string(b), c.param, nil
		case fastjson.TypeNumber:
			return v.String(), c.param, nil
		case fastjson.TypeNull, fastjson.TypeFalse:
			return "", "", nil
		}
		return "", "", failf(Shape, "cursor must be a string or a number")
	}
	return "", "", nil
}

// isReference tells an address from a cursor.
func isReference(s string) bool {
	for _, begin := range []string{"https://", "http://", "/", "?"} {
		if strings.HasPrefix(s, begin) {
			return true
		}
	}
	return false
}

// follow resolves an address that the server gave, and keeps it on the origin.
func (s *Source) follow(from *url.URL, ref string) (*url.URL, error) {
	if len(ref) > maxURLBytes {
		return nil, errLongLink
	}
	u, err := from.Parse(ref)
	if err != nil || !sameOrigin(u, s.list) {
		return nil, failf(NextLink, "next page must be on the origin of `url`")
	}
	u.Fragment, u.RawFragment = "", ""
	return s.bounded(u)
}

var errLongLink = failf(NextLink, "address of the next page must have at most %d bytes", maxURLBytes)

func (s *Source) bounded(u *url.URL) (*url.URL, error) {
	if len(u.String()) > maxURLBytes {
		return nil, errLongLink
	}
	return u, nil
}

// first is the address of the first page.
func (s *Source) first() *url.URL {
	if s.c.Paging.PageParam == "" {
		return s.list
	}
	return s.numbered(0)
}

func (s *Source) numbered(index int) *url.URL {
	if !s.c.Paging.ZeroBased {
		index++
	}
	return withParam(s.list, s.c.Paging.PageParam, strconv.Itoa(index))
}

func withParam(u *url.URL, name, value string) *url.URL {
	out := *u
	q := out.Query()
	q.Set(name, value)
	out.RawQuery = q.Encode()
	return &out
}
