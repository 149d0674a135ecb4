// Package lokitest keeps what a test pushes to a Loki that is not one, and answers the questions the client asks of it.
//
// It is stricter than Loki: an entry that is sent twice stands twice.
package lokitest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/grafana/loki/pkg/push"
)

// Entry is one that stands.
type Entry struct {
	Labels string
	push.Entry
}

// ID is the event's.
func (e Entry) ID() string {
	for _, m := range e.StructuredMetadata {
		if m.Name == "keytrail_event_id" {
			return m.Value
		}
	}
	return strconv.Quote(e.Line)
}

// Store is what stands. Its zero value is empty.
type Store struct {
	mu      sync.Mutex
	entries []Entry
	asked   int
}

// Take keeps the entries of a request.
func (s *Store) Take(r push.PushRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range r.Streams {
		for _, e := range st.Entries {
			s.entries = append(s.entries, Entry{st.Labels, e})
		}
	}
}

// Entries returns what stands, in the order in which it came.
func (s *Store) Entries() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.entries)
}

// Asked is how many questions were answered.
func (s *Store) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// matcher is one of a selector.
var matcher = regexp.MustCompile(`[a-z_]+="(?:[^"\\]|\\.)*"`)

// ServeHTTP answers query_range with the ids of the entries that its selector and period name, in pages.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	selector, _, _ := strings.Cut(strings.TrimPrefix(r.FormValue("query"), "{"), "}")
	from, err1 := strconv.ParseInt(r.FormValue("start"), 10, 64)
	to, err2 := strconv.ParseInt(r.FormValue("end"), 10, 64)
	limit, err3 := strconv.Atoi(r.FormValue("limit"))
	if err := cmp.Or(err1, err2, err3); err != nil || r.FormValue("direction") != "forward" {
		http.Error(w, fmt.Sprint("not what the client asks: ", err), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	var found []Entry
	for _, e := range s.entries {
		at := e.Timestamp.UnixNano()
		matches := !slices.ContainsFunc(matcher.FindAllString(selector, -1), func(m string) bool { return !strings.Contains(e.Labels, m) })
		if matches && at >= from && at < to {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b Entry) int { return a.Timestamp.Compare(b.Timestamp) })
	values := make([][2]string, 0, len(found))
	for _, e := range found[:min(len(found), limit)] {
		values = append(values, [2]string{strconv.FormatInt(e.Timestamp.UnixNano(), 10), e.ID()})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success",
		"data": map[string]any{"resultType": "streams", "result": []any{map[string]any{"stream": map[string]string{}, "values": values}}}})
}
