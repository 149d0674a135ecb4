package ownerhttp

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/url"

	"github.com/valyala/fastjson"

	"github.com/keytrail/keytrail/internal/owner"
)

// snapshot is what a whole list was made of, to ask the server later whether all of that still stands. A mark names it:
// the addresses themselves, whose cursors and parameters may be secret, stay here.
type snapshot struct {
	mark  owner.Mark
	pages []page
}

type page struct {
	url  *url.URL
	etag string
	sum  [sha256.Size]byte
	next string // address in its Link header: a full last page stays the same when another begins after it
}

var errNoList = errors.New("`url` is needed to load a list")

// Load gives the whole list, or nothing where every page of the last load is still the same. An error ends the load: rows
// given until then are part of nothing. Loads of one source run one after the other.
func (s *Source) Load(ctx context.Context, since owner.Mark, row func(*owner.Row) error) (owner.Mark, bool, error) {
	if s.list == nil {
		return "", false, errNoList
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	first, same, err := s.unchanged(ctx, since)
	if err != nil {
		return "", false, s.failed(err)
	}
	if same {
		s.counts.unchanged.Add(1)
		return since, false, nil
	}
	w := &walk{s: s, row: row, seen: map[string]struct{}{}}
	if err := w.all(ctx, first); err != nil {
		return "", false, s.failed(err)
	}
	s.last = snapshot{mark: owner.Mark(rand.Text()), pages: w.pages}
	return s.last.mark, true, nil
}

func (s *Source) failed(err error) error {
	var e *Error
	if errors.As(err, &e) {
		s.counts.fail(e)
	}
	return err
}

// unchanged asks for each page of the last load on condition that it changed. One page's ETag says nothing of the
// others. A server whose ETags differ every time, or stand for a moment only, is found out by the content. If the first
// page changed, its answer is handed on, so that a list of one page is read once.
func (s *Source) unchanged(ctx context.Context, since owner.Mark) (first *answer, same bool, err error) {
	last := s.last
	if since == "" || since != last.mark || last.pages[0].etag == "" {
		return nil, false, nil
	}
	for i := range last.pages {
		p := &last.pages[i]
		a, err := s.get(ctx, p.url, p.etag, s.c.MaxPageBytes)
		switch {
		case err != nil:
			return nil, false, err
		case a.status == http.StatusNotModified && (a.next == "" || a.next == p.next):
			continue
		case a.status == http.StatusOK && sha256.Sum256(a.body) == p.sum && a.next == p.next:
			p.etag = a.etag
			continue
		case i == 0 && a.status == http.StatusOK:
			return a, false, nil
		}
		return nil, false, nil
	}
	return nil, true, nil
}

// walk reads a list from its first page to its last.
type walk struct {
	s      *Source
	row    func(*owner.Row) error
	parser fastjson.Parser
	seen   map[string]struct{}
	pages  []page
	rows   int
	bytes  int64
}

// all walks; first is the first page's answer where there is one already.
func (w *walk) all(ctx context.Context, first *answer) error {
	s := w.s
	for u := s.first(); u != nil; {
		if len(w.pages) == s.c.MaxPages {
			return failf(TooManyPages, "list must have at most %d pages", s.c.MaxPages)
		}
		if _, again := w.seen[u.String()]; again {
			return failf(NextLink, "next page must be one not read yet")
		}
		w.seen[u.String()] = struct{}{}
		a := first
		if first = nil; a == nil {
			var err error
			if a, err = s.get(ctx, u, "", s.c.MaxPageBytes); err != nil {
				return err
			}
		}
		if a.status == http.StatusNotFound && s.c.Paging.PageParam != "" && len(w.pages) > 0 {
			return nil // how some servers say that there is no such page
		}
		next, err := w.page(u, a)
		if err != nil {
			return err
		}
		u = next
	}
	return nil
}

// page gives the rows of one answer and returns the address of the next.
func (w *walk) page(u *url.URL, a *answer) (*url.URL, error) {
	if a.status != http.StatusOK {
		return nil, failf(Status, "status must be 200, found %d", a.status)
	}
	if w.bytes += int64(len(a.body)); w.bytes > w.s.c.MaxBytes {
		return nil, failf(BodyTooLarge, "list must have at most %d bytes", w.s.c.MaxBytes)
	}
	p := page{url: u, etag: a.etag, sum: sha256.Sum256(a.body), next: a.next}
	doc, err := parse(&w.parser, a.body)
	if err != nil {
		return nil, err
	}
	rows, err := w.s.rowsOf(doc)
	if err != nil {
		return nil, err
	}
	if n := len(w.pages); n > 0 && len(rows) > 0 && p.sum == w.pages[n-1].sum && w.s.c.Paging.PageParam != "" {
		return nil, failf(NextLink, "page must differ from the one before it")
	}
	if err := w.give(rows); err != nil {
		return nil, err
	}
	number := len(w.pages)
	w.pages = append(w.pages, p)
	return w.s.next(u, number, len(rows), a, doc)
}

func (w *walk) give(rows []*fastjson.Value) error {
	for i, v := range rows {
		if w.rows == w.s.c.MaxRows {
			return failf(TooManyRows, "list must have at most %d rows", w.s.c.MaxRows)
		}
		w.rows++
		r, err := w.s.row.read(v)
		if err != nil {
			return failf(BadRow, "row %d of page %d: %s", i+1, len(w.pages)+1, err)
		}
		if err := w.row(r); err != nil {
			return err
		}
		w.s.counts.rows.Add(1)
	}
	return nil
}
