package apilogreceiver

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/keytrail/keytrail/internal/event"
)

// Headers of a request of Amazon Data Firehose.
const (
	headerFirehoseID     = "X-Amz-Firehose-Request-Id"
	headerFirehoseCommon = "X-Amz-Firehose-Common-Attributes"
)

// firehoseAnswer is the one form of an answer that Firehose takes for one: anything else, a 200 too, is a failed
// delivery, which it sends again. Its names are AWS's.
type firehoseAnswer struct {
	RequestID    string `json:"requestId"`
	Timestamp    int64  `json:"timestamp"` // in milliseconds
	ErrorMessage string `json:"errorMessage,omitempty"`
}

// isFirehose reports whether the sender is Firehose. What else it says is not believed before it is authenticated;
// this decides nothing but the form of the answer.
func isFirehose(r *http.Request) bool { return len(r.Header[headerFirehoseID]) > 0 }

func firehoseReply(r *http.Request, now time.Time, reason string) firehoseAnswer {
	id := r.Header.Get(headerFirehoseID)
	if !isRequestID(id) {
		id = ""
	}
	return firehoseAnswer{RequestID: id, Timestamp: now.UnixMilli(), ErrorMessage: reason}
}

// nameDelivery lets the answer name the id in the body where the header's is none that could be echoed.
func nameDelivery(r *http.Request, id string) {
	if isFirehose(r) && !isRequestID(r.Header.Get(headerFirehoseID)) && isRequestID(id) {
		r.Header.Set(headerFirehoseID, id)
	}
}

// maxRequestID leaves room beyond a GUID's 36 characters.
const maxRequestID = 64

// isRequestID takes a GUID, or what looks like one. No other text of a request is ever answered with, and this one
// has no letters a token would be made of.
func isRequestID(s string) bool {
	for i := range len(s) {
		c := s[i]
		hex := c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
		if !hex && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= maxRequestID
}

// Bounds of the attributes that a stream gives all its records: 50 is Firehose's own limit of their number, and their
// values name a team or an environment.
const (
	maxCommon      = 50
	maxCommonKey   = 128
	maxCommonValue = 1024
)

// firehoseCommon reads the attributes that a stream is configured to send, for the resource of its records. Reserved
// keys are not a sender's to set; what is over a bound is left and counted. Nil without any.
func (h *handler) firehoseCommon(r *http.Request) event.Attrs {
	text := r.Header.Get(headerFirehoseCommon)
	if text == "" || !isFirehose(r) {
		return nil
	}
	var sent struct {
		Common map[string]string `json:"commonAttributes"`
	}
	if json.Unmarshal([]byte(text), &sent) != nil {
		h.meters.limit(limitCommon)
		return nil
	}
	var attrs event.Attrs
	for _, key := range slices.Sorted(maps.Keys(sent.Common)) {
		switch value := sent.Common[key]; {
		case event.Reserved(key) || key == "" || value == "":
		case len(attrs) == maxCommon || len(key) > maxCommonKey || len(value) > maxCommonValue:
			h.meters.limit(limitCommon)
		default:
			attrs.Add(key, event.String(value))
		}
	}
	return attrs
}
