package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/event"
)

// MaxSightings bounds the list of tokens: an event of a token takes about a hundred bytes while the copies of several
// classes are told apart, so this is 1 GB. Beyond it the list is an error that names the filters.
const MaxSightings = 10_000_000

// TokenLine is one line of the list of tokens.
type TokenLine struct {
	Fingerprint, Owner, OwnerName, TokenName, State string
	First, Last                                     time.Time
	Requests, Refused                               int
}

// tokenKeys are the attributes a line and the filters need: a list of all tokens reads every event there is.
var tokenKeys = []string{
	event.KeyEventID, event.KeyFingerprint, event.KeyFingerprintPrev, event.KeyOwnerID, event.KeyOwnerName,
	event.KeyOwnerPseudonym, event.KeyTokenName, event.KeyTokenState, event.KeyMethod, event.KeyRoute, event.KeyTemplate,
	event.KeyPath, event.KeyStatus, event.KeyClientAddress, event.KeyDenyReason, event.KeyAnsweredBy, event.KeyServiceName,
}

// Tokens lists the tokens of the events that match, last seen first. It keeps a few numbers of each event, not events.
func (s *Store) Tokens(ctx context.Context, sel archive.Selection, f Filter) ([]TokenLine, *Report, error) {
	sel.Names = []string{event.NameRequest}
	sel.Keys = tokenKeys
	rows, rep := s.Rows(ctx, sel)
	c := census{at: map[sightingKey]int{}, index: map[string]uint32{}, joins: joins{}}
	for h, err := range rows {
		if err != nil {
			return nil, rep, err
		}
		if h.Fingerprint == "" {
			continue
		}
		if len(c.seen) >= MaxSightings {
			return nil, rep, fmt.Errorf("more than %d requests match: narrow the search with --since or --until", MaxSightings)
		}
		c.add(&h, f.Match(&h.Record))
	}
	return c.lines(rep), rep, nil
}

// sightingKey is one token in one event: a request may carry several.
type sightingKey struct {
	id    [16]byte
	token uint32
}

// sighting is what its richest copy says of one token in one event.
type sighting struct {
	at      int64
	rank    int32
	token   uint32
	verdict Verdict
	refused bool
}

// census counts the requests of every token, each once.
type census struct {
	at     map[sightingKey]int // index into seen
	seen   []sighting
	index  map[string]uint32 // fingerprint → index into tokens
	tokens []identity
	joins  joins
	ids    eventIDs
}

// identity is what is known of a token; each fact of the newest event that has it.
type identity struct {
	fingerprint                   string
	owner, ownerName, name, state fact
}

type fact struct {
	value string
	at    int64
}

func (f *fact) learn(a event.Attrs, key string, at int64) {
	if v := a.Str(key); v != "" && (f.value == "" || at >= f.at) {
		f.value, f.at = v, at
	}
}

func (c *census) add(h *archive.Hit, v Verdict) {
	r := &h.Record
	token := c.token(h.Fingerprint)
	if h.Primary { // the owner is that of the credential that came first
		id := &c.tokens[token]
		id.owner.learn(r.Attrs, event.KeyOwnerID, r.Time)
		id.ownerName.learn(r.Attrs, event.KeyOwnerName, r.Time)
		id.name.learn(r.Attrs, event.KeyTokenName, r.Time)
		id.state.learn(r.Attrs, event.KeyTokenState, r.Time)
		c.joins.learn(r)
	}
	s := sighting{at: r.Time, rank: int32(h.Rank), token: token, verdict: v, refused: r.Attrs.Str(event.KeyDenyReason) != ""}
	key := sightingKey{c.ids.of(r.Attrs.Str(event.KeyEventID)), token}
	switch at, known := c.at[key]; {
	case !known:
		c.at[key] = len(c.seen)
		c.seen = append(c.seen, s)
	case c.seen[at].rank < s.rank:
		c.seen[at] = s
	}
}

func (c *census) token(fp string) uint32 {
	i, ok := c.index[fp]
	if !ok {
		i = uint32(len(c.tokens))
		c.index[fp] = i
		c.tokens = append(c.tokens, identity{fingerprint: fp})
	}
	return i
}

func (c *census) lines(rep *Report) []TokenLine {
	byToken := make(map[string]*TokenLine)
	for _, s := range c.seen {
		if !rep.passes(s.verdict) {
			continue
		}
		fp := c.joins.newest(c.tokens[s.token].fingerprint)
		t := time.Unix(0, s.at).UTC()
		line := byToken[fp]
		if line == nil {
			line = &TokenLine{Fingerprint: fp, First: t}
			byToken[fp] = line
		}
		line.Requests++
		if s.refused {
			line.Refused++
		}
		line.Last = later(line.Last, t)
		if t.Before(line.First) {
			line.First = t
		}
	}
	c.name(byToken)
	out := make([]TokenLine, 0, len(byToken))
	for _, line := range byToken {
		out = append(out, *line)
	}
	slices.SortFunc(out, func(a, b TokenLine) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return out
}

// name gives each line what is known of its token under any of its fingerprints, the newest fact first.
func (c *census) name(lines map[string]*TokenLine) {
	known := make(map[string]*identity)
	for i := range c.tokens {
		id := &c.tokens[i]
		fp := c.joins.newest(id.fingerprint)
		k := known[fp]
		if k == nil {
			k = &identity{}
			known[fp] = k
		}
		for _, f := range []struct{ to, from *fact }{
			{&k.owner, &id.owner}, {&k.ownerName, &id.ownerName}, {&k.name, &id.name}, {&k.state, &id.state},
		} {
			if f.from.value != "" && (f.to.value == "" || f.from.at >= f.to.at) {
				*f.to = *f.from
			}
		}
	}
	for fp, line := range lines {
		k := known[fp]
		line.Owner, line.OwnerName, line.TokenName, line.State = k.owner.value, k.ownerName.value, k.name.value, k.state.value
	}
}
