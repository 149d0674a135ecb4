package loki

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

const (
	// maxAsks is how often in a row Loki may leave the question unanswered before its entries are sent again all the
	// same: its queriers may be away for long while it takes what it is sent.
	maxAsks = 10

	// askEntries is how many entries one question is about, and how many an answer may hold: the bodies stay small, and
	// Loki's own bound on an answer (max_entries_limit_per_query) is 5,000.
	askEntries = 1000

	// maxAskPages bounds the answers to one question, where other collectors write to the same streams.
	maxAskPages = 64

	maxAskBytes = 16 << 20
)

// Suspect says that entries about to be pushed may stand in Loki already, as after a start: Loki is asked first.
func (c *Client) Suspect(entries []Entry) {
	c.ledger.suspect(c.admitted(entries))
}

// Forget drops what is remembered of entries that were delivered. It is called when none of them can be pushed again.
func (c *Client) Forget() { c.ledger.forget() }

func (c *Client) admitted(batch []Entry) []Entry {
	out := make([]Entry, len(batch))
	for i := range batch {
		out[i], _ = c.streams.admit(batch[i])
	}
	return out
}

// resolve asks which of the entries in doubt Loki holds, and counts them as delivered. A Loki that does not let us ask
// gets them again: r.Unchecked.
func (c *Client) resolve(ctx context.Context, r *Result) error {
	doubt := c.ledger.suspects()
	if len(doubt) == 0 {
		return nil
	}
	held, err := c.held(ctx, doubt)
	var failed *PushError
	switch {
	case err == nil:
		c.ledger.add(held)
		r.Delivered += len(held)
	case ctx.Err() != nil:
		return err
	case errors.As(err, &failed) && failed.Cause != CauseMisconfigured && (notSent(err) || !c.ledger.failedToAsk()):
		return err
	default:
		r.Unchecked += len(doubt)
	}
	c.ledger.settled()
	return nil
}

// unheld returns the streams without the entries that Loki holds, which it counts as delivered. A Loki that does not
// let us ask is sent all of them again.
func (c *Client) unheld(ctx context.Context, streams []stream, t *tally) []stream {
	var all []Entry
	for _, s := range streams {
		all = append(all, s.entries...)
	}
	held, err := c.held(ctx, all)
	if err != nil {
		return streams
	}
	stands := make(map[entryKey]bool, len(held))
	for i := range held {
		stands[held[i].key()] = true
	}
	var rest []stream
	for _, s := range streams {
		left := slices.DeleteFunc(slices.Clone(s.entries), func(e Entry) bool { return stands[e.key()] })
		if len(left) > 0 {
			rest = append(rest, stream{s.labels, left})
		}
	}
	t.delivered += len(held)
	return rest
}

// notSent reports whether a request did not even reach a server.
func notSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// question is what one query is about: entries of one service, environment and class.
type question struct{ tenant, selector string }

// held returns the entries that Loki holds.
func (c *Client) held(ctx context.Context, entries []Entry) ([]Entry, error) {
	parts := make(map[question][]Entry)
	for _, e := range entries {
		q := question{c.config.tenant(e.Labels.Class), fmt.Sprintf("{%s=%q, %s=%q, %s=%q}",
			LabelService, e.Labels.Service, LabelEnvironment, e.Labels.Environment, LabelClass, e.Labels.Class)}
		parts[q] = append(parts[q], e)
	}
	var held []Entry
	for q, part := range parts {
		slices.SortFunc(part, func(a, b Entry) int { return cmp.Compare(a.Time, b.Time) })
		for some := range slices.Chunk(part, askEntries) {
			stands, err := c.ask(ctx, q, some[0].Time, some[len(some)-1].Time)
			if err != nil {
				return nil, err
			}
			for _, e := range some {
				if stands[place{e.Time, e.id()}] {
					held = append(held, e)
				}
			}
		}
	}
	return held, nil
}

// place is where an entry stands within a class.
type place struct {
	time int64
	id   string
}

// ask returns what Loki has of the streams in [from, to], page by page.
func (c *Client) ask(ctx context.Context, q question, from, to int64) (map[place]bool, error) {
	stands := make(map[place]bool)
	// Nothing but the id comes back: the entries themselves are known.
	query := q.selector + " | line_format `{{if ." + eventIDField + "}}{{." + eventIDField + "}}{{else}}{{printf \"%q\" __line__}}{{end}}` | keep " + LabelClass
	for range maxAskPages {
		page, err := c.page(ctx, q.tenant, query, from, to+1)
		if err != nil {
			return nil, err
		}
		last := from
		for _, p := range page {
			stands[p] = true
			last = max(last, p.time)
		}
		if len(page) < askEntries {
			return stands, nil
		}
		if last == from {
			last++ // a page of one nanosecond: what it did not show is sent again
		}
		from = last
	}
	return stands, nil
}

// page is one answer to a query over [from, to).
func (c *Client) page(ctx context.Context, tenant, query string, from, to int64) ([]place, error) {
	params := url.Values{"query": {query}, "direction": {"forward"}, "limit": {strconv.Itoa(askEntries)},
		"start": {strconv.FormatInt(from, 10)}, "end": {strconv.FormatInt(to, 10)}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.config.Endpoint+"/loki/api/v1/query_range?"+params.Encode(), http.NoBody)
	if err != nil {
		return nil, err
	}
	a, _, err := c.exchange(req, tenant, maxAskBytes)
	if err != nil {
		return nil, err
	}
	switch {
	case a.status == http.StatusOK:
		return places(a.text)
	case a.status == http.StatusTooManyRequests:
		return nil, a.failure(CauseBusy)
	case a.status >= 500, a.status == http.StatusRequestTimeout:
		return nil, a.failure(CauseUnavailable)
	}
	return nil, a.failure(CauseMisconfigured)
}

func places(text string) ([]place, error) {
	var found struct {
		Data struct {
			Result []struct {
				Values [][]string `json:"values"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		return nil, &PushError{Cause: CauseMisconfigured, Err: fmt.Errorf("answer to a query is not loki's: %w", err)}
	}
	var out []place
	for _, s := range found.Data.Result {
		for _, v := range s.Values {
			if len(v) < 2 {
				continue
			}
			if at, err := strconv.ParseInt(v[0], 10, 64); err == nil {
				out = append(out, place{at, v[1]})
			}
		}
	}
	return out, nil
}
