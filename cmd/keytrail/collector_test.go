package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keytrail/keytrail/internal/ship"
)

// fakeCollector is an ingest port that answers as a script says.
type fakeCollector struct {
	mu      sync.Mutex
	answers []string
	bodies  [][]byte
	log     []string // "POST /ingest Authorization"
}

// collectorCmd starts one; $ENDPOINT is its address. An answer is ok (all records accepted), reject:REASON (each line
// that holds the word "bad" is rejected, all others accepted), a status code, or garbage.
func collectorCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: collector answer…")
	}
	c := &fakeCollector{answers: args}
	server := httptest.NewServer(c)
	ts.Defer(server.Close)
	ts.Setenv("ENDPOINT", server.URL)
	collectors.Store(ts, c)
}

// collectors finds the server of a script, which has no place of its own for it.
var collectors sync.Map

// receivedCmd writes the bodies that were taken to a file, and what was asked to FILE.log.
func receivedCmd(ts *testscript.TestScript, neg bool, args []string) {
	v, ok := collectors.Load(ts)
	if neg || len(args) != 1 || !ok {
		ts.Fatalf("usage: received file, after collector")
	}
	c := v.(*fakeCollector)
	c.mu.Lock()
	defer c.mu.Unlock()
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes.Join(c.bodies, nil), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".log"), []byte(strings.Join(c.log, "\n")+"\n"), 0o600))
}

func (c *fakeCollector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	answer := c.answers[0]
	if len(c.answers) > 1 {
		c.answers = c.answers[1:]
	}
	c.log = append(c.log, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r.Method, r.URL.Path, answer, r.Header.Get("X-Sender"))))
	if code, err := strconv.Atoi(answer); err == nil {
		http.Error(w, `{"error":"as_the_script_says"}`, code)
		return
	}
	c.bodies = append(c.bodies, body)
	if answer == "garbage" {
		fmt.Fprint(w, "<html>")
		return
	}
	reason, _ := strings.CutPrefix(answer, "reject:")
	_ = json.NewEncoder(w).Encode(judge(body, reason)) // the client is gone, then
}

func judge(body []byte, reason string) ship.Answer {
	a := ship.Answer{Errors: []ship.RecordError{}}
	i := 0
	for line := range bytes.Lines(body) {
		if bytes.Contains(line, []byte("bad")) {
			a.Rejected++
			a.Errors = append(a.Errors, ship.RecordError{Index: i, Reason: reason})
		} else {
			a.Accepted++
		}
		i++
	}
	return a
}
