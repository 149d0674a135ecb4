package loki

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Deletion asks Loki to delete entries of one class: those in [Since, Until] where any of Keys has any of its values.
type Deletion struct {
	Class string
	// Keys are attribute keys, such as token.owner.id, with the values that are to go. Without any, nothing is deleted:
	// there is no way to delete a whole class by accident.
	Keys         map[string][]string
	Since, Until time.Time
}

// Query is what Loki evaluates: `{retention_class="full"} | token_owner_id="o-1" or token_principal="kp1_…"`.
func (d Deletion) Query() (string, error) {
	var terms []string
	for _, key := range sortedKeys(d.Keys) {
		for _, v := range d.Keys[key] {
			if v == "" {
				return "", fmt.Errorf("deletion from loki: a value of %q is empty", key) // it would match every entry without the key
			}
			terms = append(terms, Name(key)+"="+strconv.Quote(v))
		}
	}
	if len(terms) == 0 {
		return "", fmt.Errorf("deletion from loki needs a key and a value, found none for class %q", d.Class)
	}
	return "{" + LabelClass + "=" + strconv.Quote(d.Class) + "} | " + strings.Join(terms, " or "), nil
}

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// DeleteStatus is what Loki says of a deletion.
type DeleteStatus struct {
	ID        string  `json:"request_id"`
	Query     string  `json:"query"`
	State     string  `json:"status"` // received, "40% Complete", processed
	StartTime seconds `json:"start_time"`
	EndTime   seconds `json:"end_time"`
	CreatedAt seconds `json:"created_at"`
}

// Done reports whether nothing is left to delete.
func (s DeleteStatus) Done() bool { return s.State == "processed" }

// seconds is a time as Loki writes it: seconds since 1970 with a fraction.
type seconds float64

// Time of the moment, to the millisecond that Loki keeps.
func (s seconds) Time() time.Time { return time.UnixMilli(int64(float64(s)*1000 + 0.5)).UTC() }

const deletePath = "/loki/api/v1/delete"

// Delete asks for a deletion and returns its id. Loki carries it out after delete_request_cancel_period (24 h unless
// configured otherwise), and hides the entries from queries in the meantime where deletion_mode is filter-and-delete.
func (c *Client) Delete(ctx context.Context, d Deletion) (id string, err error) {
	query, err := d.Query()
	if err != nil {
		return "", err
	}
	params := url.Values{"query": {query}, "start": {d.Since.UTC().Format(time.RFC3339Nano)}, "end": {d.Until.UTC().Format(time.RFC3339Nano)}}
	_, header, err := c.deletes(ctx, http.MethodPost, d.Class, params)
	if err != nil {
		return "", err
	}
	if id := header.Get("X-Delete-Request-ID"); id != "" {
		return id, nil
	}
	return c.find(ctx, d.Class, query)
}

// find looks for the youngest deletion with that query: a Loki before 3.6 does not tell the id of a new one.
func (c *Client) find(ctx context.Context, class, query string) (string, error) {
	all, err := c.Deletions(ctx, class)
	if err != nil {
		return "", err
	}
	for _, s := range slices.Backward(all) { // by age, the youngest last
		if s.Query == query {
			return s.ID, nil
		}
	}
	return "", fmt.Errorf("loki took a deletion of class %q and does not list it", class)
}

// Deletions lists what Loki was asked to delete from the tenant of a class, the oldest first.
func (c *Client) Deletions(ctx context.Context, class string) ([]DeleteStatus, error) {
	a, _, err := c.deletes(ctx, http.MethodGet, class, nil)
	if err != nil {
		return nil, err
	}
	var all []DeleteStatus
	if err := json.Unmarshal([]byte(a.text), &all); err != nil {
		return nil, fmt.Errorf("loki's list of deletions: %w", err)
	}
	return all, nil
}

// Deletion returns how far a deletion is.
func (c *Client) Deletion(ctx context.Context, class, id string) (DeleteStatus, error) {
	all, err := c.Deletions(ctx, class)
	if err != nil {
		return DeleteStatus{}, err
	}
	i := slices.IndexFunc(all, func(s DeleteStatus) bool { return s.ID == id })
	if i < 0 {
		return DeleteStatus{}, fmt.Errorf("loki does not list deletion %q of class %q", id, class)
	}
	return all[i], nil
}

// Follow asks every interval until Loki has carried a deletion out. That takes at least its cancel period: callers
// who cannot wait a day keep the id and ask again.
func (c *Client) Follow(ctx context.Context, class, id string, interval time.Duration) (DeleteStatus, error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		s, err := c.Deletion(ctx, class, id)
		if err != nil || s.Done() {
			return s, err
		}
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-tick.C:
		}
	}
}

// Cancel withdraws a deletion. Loki refuses that once its cancel period has passed.
func (c *Client) Cancel(ctx context.Context, class, id string) error {
	_, _, err := c.deletes(ctx, http.MethodDelete, class, url.Values{"request_id": {id}})
	return err
}

// maxDeletionsBytes bounds the list of deletions; an entry has some 300 bytes and Loki forgets them in time.
const maxDeletionsBytes = 64 << 20

func (c *Client) deletes(ctx context.Context, method, class string, params url.Values) (answer, http.Header, error) {
	address := c.config.Endpoint + deletePath
	if len(params) > 0 {
		address += "?" + params.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, http.NoBody)
	if err != nil {
		return answer{}, nil, err
	}
	a, header, err := c.exchange(req, c.config.tenant(class), maxDeletionsBytes)
	if err != nil {
		return a, nil, err
	}
	switch {
	case a.status == http.StatusNoContent, a.status == http.StatusOK && method == http.MethodGet:
		return a, header, nil
	case a.status == http.StatusTooManyRequests:
		return a, nil, a.failure(CauseBusy)
	case a.status >= 500:
		return a, nil, a.failure(CauseUnavailable)
	}
	// 400 here is "retention is not enabled" or a query that Loki does not take.
	return a, nil, a.failure(CauseMisconfigured)
}
