package ownerhttp

import (
	"net/http"
	"net/url"
	"sync"

	"github.com/keytrail/keytrail/internal/owner"
)

// Source is one endpoint. It keeps no connection of its own: Close of the client's transport is its owner's.
type Source struct {
	c      Config
	client *http.Client
	list   *url.URL  // nil: no Load
	lookup *template // nil: no Find
	row    *rowReader
	find   *rowReader // as row, and knows the keys a token is asked for by
	counts counters

	mu   sync.Mutex
	last snapshot
}

var (
	_ owner.Loader = (*Source)(nil)
	_ owner.Finder = (*Source)(nil)
)

// Open checks the configuration; it asks nothing yet.
func Open(c Config) (*Source, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &Source{c: c.withDefaults()}
	var err error
	if s.row, err = newRowReader(c.Fields, nil); err != nil {
		return nil, err
	}
	if c.URL != "" {
		if s.list, err = parseURL(c.URL); err != nil {
			return nil, err
		}
	}
	if c.LookupURL != "" {
		if s.lookup, err = parseTemplate(c.LookupURL); err != nil {
			return nil, err
		}
		if s.find, err = newRowReader(c.Fields, keyColumns); err != nil {
			return nil, err
		}
	}
	client := http.Client{}
	if c.Client != nil {
		client = *c.Client
	}
	client.CheckRedirect = stayThere
	s.client = &client
	return s, nil
}

// CanLoad reports whether the source has a list.
func (s *Source) CanLoad() bool { return s.list != nil }

// CanFind reports whether the source answers for one token.
func (s *Source) CanFind() bool { return s.lookup != nil }

// Keys returns the names of what Find asks by, for the cache in front of it.
func (s *Source) Keys() []string {
	if s.lookup == nil {
		return nil
	}
	return s.lookup.keys
}
