package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/journal"
	"github.com/keytrail/keytrail/internal/seal"
)

// line is one event of a script: attributes under their keys, and beside them
//
//	at       when, RFC 3339
//	token    the raw token, fingerprinted with the script's key ring; others: further ones
//	epoch    the epoch that stamps it (default 1); epoch 2 stamps 1 as the previous
//	classes  the retention classes that keep it (default full and trail)
//	where    block (default) or journal
type line struct {
	At      time.Time
	Token   string
	Others  []string
	Epoch   uint16
	Classes []string
	Where   string
	attrs   map[string]any
}

func (l *line) UnmarshalJSON(b []byte) error {
	type plain line
	*l = line{Epoch: 1, Classes: []string{"full", "trail"}, Where: "block"}
	if err := json.Unmarshal(b, (*plain)(l)); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&l.attrs); err != nil {
		return err
	}
	maps.DeleteFunc(l.attrs, func(k string, _ any) bool {
		return slices.Contains([]string{"at", "token", "others", "epoch", "classes", "where"}, k)
	})
	return nil
}

// usual is what an event has unless its line says otherwise; null takes it away.
var usual = map[string]any{
	"event.name": event.NameRequest, event.KeyServiceName: "orders", event.KeyMethod: "GET", event.KeyPath: "/v1/orders/17",
	event.KeyTemplate: "/v1/orders/{id}", event.KeyStatus: json.Number("200"), event.KeyClientAddress: "192.0.2.7",
	event.KeyUserAgent: "curl/8.9.1", event.KeyDuration: json.Number("0.012"), event.KeyCapture: event.CaptureLog,
	event.KeySource: "kong", event.KeyRedaction: event.RedactionDone, event.KeyTokenScheme: "bearer",
	event.KeyTokenLocation: "header.authorization",
}

func (l *line) record(n int, ring *fingerprint.Ring) *event.Record {
	attrs := maps.Clone(usual)
	maps.Copy(attrs, l.attrs)
	attrs[event.KeyEventID] = cmp.Or(l.str(event.KeyEventID), fmt.Sprintf("%032x", n))
	r := &event.Record{
		Name: attrs["event.name"].(string), Time: l.At.UnixNano(), Observed: l.At.UnixNano(), Classes: l.Classes,
		Scope: event.Scope{Ring: ring.ID(), Epoch: int(l.Epoch)},
	}
	delete(attrs, "event.name")
	if e, ok := ring.Epoch(int(l.Epoch)); ok {
		r.Scope.Check = e.Check
	}
	if service, ok := attrs[event.KeyServiceName].(string); ok {
		r.Resource.Add(event.KeyServiceName, event.String(service))
	}
	delete(attrs, event.KeyServiceName)
	for _, k := range slices.Sorted(maps.Keys(attrs)) {
		if v, ok := value(attrs[k]); ok {
			r.Attrs.Add(k, v)
		}
	}
	l.stamp(r, ring)
	return r
}

func (l *line) str(key string) string { s, _ := l.attrs[key].(string); return s }

func (l *line) stamp(r *event.Record, ring *fingerprint.Ring) {
	under := func(raw string, epoch uint16) string {
		for _, id := range ring.Live(fingerprint.Credential, fingerprint.CredentialDigest([]byte(raw))) {
			if id.Epoch == epoch {
				return id.String()
			}
		}
		return ""
	}
	if l.Token == "" {
		return
	}
	r.Attrs.Set(event.KeyFingerprint, event.String(under(l.Token, l.Epoch)))
	if l.Epoch > 1 {
		r.Attrs.Set(event.KeyFingerprintPrev, event.String(under(l.Token, l.Epoch-1)))
	}
	var others []string
	for _, raw := range l.Others {
		others = append(others, under(raw, l.Epoch)+" header.x-api-key api_key")
	}
	if others != nil {
		r.Attrs.Set(event.KeyOthers, event.Strings(others))
	}
}

func value(v any) (event.Value, bool) {
	switch v := v.(type) {
	case string:
		return event.String(v), true
	case bool:
		return event.Bool(v), true
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return event.Int(i), true
		}
		f, err := v.Float64()
		return event.Double(f), err == nil
	case []any:
		var list []string
		for _, s := range v {
			list = append(list, fmt.Sprint(s))
		}
		return event.Strings(list), true
	}
	return event.Value{}, false
}

// scriptClasses keep for a hundred years, so that a script can name dates.
func scriptClasses() []archive.Class {
	classes := archive.ShippedClasses()
	for i := range classes {
		classes[i].Keep = 100 * 365 * day
	}
	return classes
}

// sealing gives the key of a journal: that of a file, or of the ring; nil leaves it plain.
func sealing(ts *testscript.TestScript, ring *fingerprint.Ring, with []string) func() (seal.Keys, error) {
	if len(with) == 0 {
		return nil
	}
	var master []byte
	if with[0] == "ring" {
		derived, err := ring.Derive(journal.KeyPurpose)
		ts.Check(err)
		master = derived[0].Key
	} else {
		key, err := seal.ReadKey(ts.MkAbs(with[0]))
		ts.Check(err)
		master = key
	}
	return func() (seal.Keys, error) { return seal.NewKeys(journal.KeyLabel, master) }
}

// newkeyCmd makes a key file of random bytes.
func newkeyCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: newkey file")
	}
	key := make([]byte, seal.KeySize)
	_, _ = rand.Read(key) // never fails
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(base64.StdEncoding.EncodeToString(key)+"\n"), 0o600))
}

// trailCmd makes DIR/archive and DIR/journal, with the key ring DIR/keyring.yaml. The journal is sealed where a key file
// is named, or "ring".
func trailCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: trail dir events [keyfile|ring]")
	}
	dir := ts.MkAbs(args[0])
	ring, err := fingerprint.Load(filepath.Join(dir, "keyring.yaml"))
	ts.Check(err)
	var blocks, live []*event.Record
	sc := bufio.NewScanner(strings.NewReader(ts.ReadFile(args[1])))
	for n := 1; sc.Scan(); n++ {
		var l line
		ts.Check(json.Unmarshal(sc.Bytes(), &l))
		switch r := l.record(n, ring); l.Where {
		case "block":
			blocks = append(blocks, r)
		default:
			live = append(live, r)
		}
	}
	j, err := journal.Open(journal.Options{
		Dir: filepath.Join(dir, "journal"), Destinations: []journal.Destination{{Name: "archive", Required: true}}, Keys: sealing(ts, ring, args[2:]),
	})
	ts.Check(err)
	for _, r := range live {
		ts.Check(j.Append(context.Background(), [][]byte{r.Append(nil)}))
	}
	b, err := bucket.OpenDir(filepath.Join(dir, "archive"))
	ts.Check(err)
	w, err := archive.NewWriter(b, archive.WriterOptions{Writer: "SCRIPT", Classes: scriptClasses()})
	ts.Check(err)
	_, err = w.WriteSegment(context.Background(), 1, slices.Values(blocks))
	ts.Check(err)
	ts.Check(j.Close())
	ts.Check(os.RemoveAll(filepath.Join(dir, "archive", ".tmp")))
}
