package query

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/event"
)

// Report says what an answer is built on. It is complete when the search has ended.
type Report struct {
	archive.Report
	Since, Until time.Time
	Newest       time.Time       // of what is kept, selected or not
	Epochs       []archive.Epoch // of what is kept, selected or not
	Journal      int             // records read from the journal
	Undecided    int             // events that are left out because too little of them is kept to tell whether they match
}

// maxNamed is how many unreadable parts are named: a lost disk has thousands.
const maxNamed = 10

// Warnings are the sentences a person must see beside the answer.
func (r *Report) Warnings() []string {
	var out []string
	for i, err := range r.Unreadable {
		if i == maxNamed {
			out = append(out, fmt.Sprintf("could not be read: %d more", len(r.Unreadable)-i))
			break
		}
		out = append(out, fmt.Sprintf("could not be read: %v", err))
	}
	for _, class := range r.Blind {
		out = append(out, fmt.Sprintf("class %q does not keep what was asked for: events that only it still holds were not searched", class))
	}
	if r.Undecided > 0 {
		out = append(out, fmt.Sprintf("%s left out: only a skeleton of it is kept, which cannot tell whether the route or the client matches", plural(r.Undecided, "event")))
	}
	return out
}

func (r *Report) take(blocks *archive.Report) {
	unreadable := r.Unreadable
	r.Report = *blocks
	r.Unreadable = append(unreadable, blocks.Unreadable...)
}

// stamped notes an epoch that something kept was stamped with.
func (r *Report) stamped(s event.Scope) {
	e := archive.Epoch(s)
	if e.Ring != "" && !slices.Contains(r.Epochs, e) {
		r.Epochs = append(r.Epochs, e)
		slices.SortFunc(r.Epochs, func(a, b archive.Epoch) int {
			return cmp.Or(cmp.Compare(a.Ring, b.Ring), cmp.Compare(a.Epoch, b.Epoch))
		})
	}
}

// passes reports whether an event belongs to the answer, and counts those of which nobody can tell.
func (r *Report) passes(v Verdict) bool {
	if v == Unknown {
		r.Undecided++
	}
	return v == Yes
}
