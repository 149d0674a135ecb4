package archive

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/keytrail/keytrail/internal/event"
)

// Copy is another place that holds the views of the classes, and deletes from them when asked: Loki.
type Copy interface {
	// Ask asks for a deletion. It may take several requests.
	Ask(ctx context.Context, d CopyDeletion) ([]CopyRequest, error)
	// Follow returns the requests with what has become of them, as far as it wants to wait.
	Follow(ctx context.Context, requests []CopyRequest) []CopyRequest
}

// CopyDeletion is what is to go from one class: every event of [Since, Until] in which one of the keys has one of its
// values.
type CopyDeletion struct {
	Class        string
	Keys         map[string][]string
	Since, Until time.Time
}

// CopyRequest is one request to a copy, as the receipt tells of it.
type CopyRequest struct {
	Copy  string    `json:"copy"`
	Class string    `json:"class"`
	ID    string    `json:"id"` // the copy's own
	State CopyState `json:"state"`
}

// CopyState is how far a request is.
type CopyState string

// The states of a request.
const (
	CopyAccepted  CopyState = "accepted"  // taken down, and carried out when the copy gets to it
	CopyProcessed CopyState = "processed" // the rows are gone
	CopyFailed    CopyState = "failed"    // the copy knows of it no more, as when somebody there withdrew it
)

// ask asks every copy for every class. It comes behind the tombstone, which keeps exporters from sending more, and before
// anything is destroyed: a copy that refuses leaves the archive's own rows, by which the erasure can be done again.
func (e *erasure) ask(ctx context.Context, found []*blockMatch) error {
	if len(e.opts.Copies) == 0 {
		return nil
	}
	classes, err := Classes(ctx, e.bucket)
	if err != nil {
		return err
	}
	seen := e.seenIn(found)
	byName := make(map[string][]Class)
	for _, c := range classes {
		byName[c.Name] = append(byName[c.Name], c)
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		d := CopyDeletion{Class: name, Until: e.stone.Until, Since: e.stone.Until, Keys: e.keysOf(byName[name], seen)}
		for _, c := range byName[name] {
			if since := e.opts.Now.Add(-c.Keep - 2*day).UTC(); since.Before(d.Since) {
				d.Since = since
			}
		}
		for _, c := range e.opts.Copies {
			requests, err := c.Ask(ctx, d)
			if err != nil {
				return fmt.Errorf("copy of class %s: %w", name, err)
			}
			e.asked[c] = append(e.asked[c], requests...)
		}
	}
	return nil
}

// follow asks what has become of the requests.
func (e *erasure) follow(ctx context.Context) {
	for _, c := range e.opts.Copies {
		e.report.Copies = append(e.report.Copies, c.Follow(ctx, e.asked[c])...)
	}
}

// seen is by what the subject's rows in the archive can be found elsewhere.
type seen struct {
	fingerprints []string // of an owner's rows
	events       []string // that carry the erased token beside their primary one, which no equality of keys finds
}

func (e *erasure) seenIn(found []*blockMatch) seen {
	fps, events := make(map[string]bool), make(map[string]bool)
	for _, m := range found {
		maps.Copy(fps, m.also)
		maps.Copy(events, m.beside)
	}
	return seen{slices.Sorted(maps.Keys(fps)), slices.Sorted(maps.Keys(events))}
}

// keysOf are the attributes by which the view of a class shows the subject.
func (e *erasure) keysOf(class []Class, seen seen) map[string][]string {
	v := e.subject.value
	keys := make(map[string][]string)
	switch e.subject.kind {
	case SubjectPrincipal:
		for _, k := range principalKeys {
			keys[k] = []string{v}
		}
	case SubjectFingerprint:
		keys[event.KeyFingerprint], keys[event.KeyFingerprintPrev] = []string{v}, []string{v}
		if len(seen.events) > 0 {
			keys[event.KeyEventID] = seen.events
		}
	default:
		keys[event.KeyOwnerID] = []string{v}
		if e.alias != "" {
			keys[event.KeyOwnerPseudonym] = []string{e.alias}
		}
		if slices.ContainsFunc(class, Class.hidesOwner) && len(seen.fingerprints) > 0 {
			keys[event.KeyFingerprint] = seen.fingerprints
		}
	}
	return keys
}

// hidesOwner reports whether rows of the class may name their owner in no way.
func (c Class) hidesOwner() bool {
	named := slices.Contains(c.Fields, FieldsAll) || slices.Contains(c.Fields, FieldsSkeleton)
	return c.Owner == OwnerDrop || !named
}
