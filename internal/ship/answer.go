package ship

// Answer is what the collector said of one or more bodies.
type Answer struct {
	Accepted int            `json:"accepted"`
	Rejected int            `json:"rejected"`
	Errors   []RecordError  `json:"errors"`
	Reasons  map[string]int `json:"-"` // of the rejections that were listed
}

// RecordError is one rejected record of a body.
type RecordError struct {
	Index  int    `json:"index"`
	Reason string `json:"reason"`
}

// maxReasons bounds what is kept of an answer's reasons: the collector's are a closed set of fewer.
const maxReasons = 64

// Add adds b to a.
func (a *Answer) Add(b Answer) {
	a.Accepted += b.Accepted
	a.Rejected += b.Rejected
	for _, e := range b.Errors {
		if a.Reasons == nil {
			a.Reasons = map[string]int{}
		}
		if _, known := a.Reasons[e.Reason]; known || len(a.Reasons) < maxReasons {
			a.Reasons[e.Reason]++
		}
	}
}

// Unlisted is how many rejections came without a reason: an answer lists the first hundred.
func (a *Answer) Unlisted() int {
	n := a.Rejected
	for _, k := range a.Reasons {
		n -= k
	}
	return max(n, 0)
}
