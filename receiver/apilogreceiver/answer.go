package apilogreceiver

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/keytrail/keytrail/receiver/apilogreceiver/internal/metadata"
)

// maxReported bounds the list of rejections in an answer: enough to see what is wrong with a body, small enough
// that an answer never grows with what was sent.
const maxReported = 100

// Retry-After in seconds. A slot frees within moments; a refusing consumer waits for a disk or a peer.
const (
	retryBusy    = 1
	retryRefused = 5
)

// rejection says why one record was not accepted. The reason is from a closed set: an answer echoes nothing.
type rejection struct {
	Index  int    `json:"index"`
	Reason string `json:"reason"`
}

// report is the answer to a body that could be split.
type report struct {
	Accepted int         `json:"accepted"`
	Rejected int         `json:"rejected"`
	Skipped  int64       `json:"skipped,omitempty"`
	Errors   []rejection `json:"errors"`
}

type refusal struct {
	Error string `json:"error"`
}

// answers writes every answer of the server and counts it by its code.
type answers struct {
	telemetry *metadata.TelemetryBuilder
}

func (a *answers) accept(w http.ResponseWriter, r *http.Request, done report) {
	if done.Errors == nil {
		done.Errors = []rejection{}
	}
	a.write(w, r, http.StatusOK, done, "")
}

func (a *answers) healthy(w http.ResponseWriter, r *http.Request) {
	a.write(w, r, http.StatusOK, struct {
		Status string `json:"status"`
	}{"ok"}, "")
}

// refuse answers with a reason of ours, never with text of the request.
func (a *answers) refuse(w http.ResponseWriter, r *http.Request, code int, reason string) {
	switch code {
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", strconv.Itoa(retryBusy))
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", strconv.Itoa(retryRefused))
	}
	a.write(w, r, code, refusal{reason}, reason)
}

// write answers with body, or, to Firehose, with what it understands.
func (a *answers) write(w http.ResponseWriter, r *http.Request, code int, body any, reason string) {
	if isFirehose(r) {
		body = firehoseReply(r, time.Now(), reason)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // a caller that went away has no use for the answer
	a.telemetry.ReceiverAPILogRequests.Add(context.Background(), 1,
		metric.WithAttributeSet(attribute.NewSet(attribute.Int("code", code))))
}

// serverError is confighttp's way to refuse: authentication alone, since decoding is ours. Its message may quote
// the credential that was presented.
func (a *answers) serverError(w http.ResponseWriter, r *http.Request, _ string, code int) {
	reason := "bad_request"
	if code == http.StatusUnauthorized {
		reason = "unauthenticated"
	}
	a.refuse(w, r, code, reason)
}
