package archive

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

// Hold keeps rows of a legal case: the sweeper leaves every block that may have one, past the end of its class, and an
// erasure leaves the rows themselves. Values of one field are alternatives, and a row is held by any field. A hold
// without a field holds everything of its period.
type Hold struct {
	ID          string    `json:"id"`
	Reason      string    `json:"reason"`
	By          string    `json:"by"`
	Owner       []string  `json:"owner,omitempty"`
	Principal   []string  `json:"principal,omitempty"`
	Fingerprint []string  `json:"fingerprint,omitempty"`
	Since       time.Time `json:"since,omitzero"`
	Until       time.Time `json:"until,omitzero"` // exclusive
	Created     time.Time `json:"created"`
}

var holdID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// Validate checks what a person can get wrong.
func (h *Hold) Validate() error {
	switch {
	case !holdID.MatchString(h.ID):
		return fmt.Errorf("hold id must match %s, found %d other bytes", holdID, len(h.ID))
	case h.Reason == "" || h.By == "":
		return errors.New("a hold needs a reason and who placed it")
	case !h.Since.IsZero() && !h.Until.IsZero() && !h.Since.Before(h.Until):
		return fmt.Errorf("hold: since must lie before until, found %s and %s",
			h.Since.Format(time.RFC3339), h.Until.Format(time.RFC3339))
	}
	return (&Selection{Fingerprints: h.Fingerprint}).validate()
}

// AddHold places a hold; its id must be new, since that of a lifted one stands for the other case for good.
func AddHold(ctx context.Context, b bucket.Bucket, h Hold) error {
	if err := h.Validate(); err != nil {
		return err
	}
	switch _, err := b.Head(ctx, liftingKey(h.ID)); {
	case err == nil:
		return fmt.Errorf("hold %s was lifted: %w", h.ID, bucket.ErrExists)
	case !errors.Is(err, bucket.ErrNotFound):
		return err
	}
	created, err := putDocument(ctx, b, holdKey(h.ID), h)
	if err == nil && !created {
		err = fmt.Errorf("hold %s: %w", h.ID, bucket.ErrExists)
	}
	return err
}

// Holds returns the holds that stand, by id. One that cannot be read is an error: what it keeps cannot be told.
func Holds(ctx context.Context, b bucket.Bucket) ([]Hold, error) {
	var keys []string
	lifted := make(map[string]bool)
	for o, err := range b.List(ctx, holdPrefix, "") {
		if err != nil {
			return nil, err
		}
		if id, ok := liftedHold(o.Key); ok {
			lifted[holdKey(id)] = true
			continue
		}
		keys = append(keys, o.Key)
	}
	var holds []Hold
	for _, key := range keys {
		if lifted[key] {
			continue // whoever lifted it was cut off before the document went
		}
		var h Hold
		switch err := getDocument(ctx, b, key, &h); {
		case errors.Is(err, bucket.ErrNotFound): // lifted just now
		case err != nil:
			return nil, err
		default:
			holds = append(holds, h)
		}
	}
	return holds, nil
}

func (h *Hold) everything() bool {
	return len(h.Owner) == 0 && len(h.Principal) == 0 && len(h.Fingerprint) == 0
}

func (h *Hold) selection() Selection { return Selection{Since: h.Since, Until: h.Until} }

// Covers reports whether the hold keeps the record. owners gives the owner of a pseudonym, where the map still has him.
func (h *Hold) Covers(r *event.Record, owners map[string]string) bool {
	s := h.selection()
	if !s.contains(r.Time) {
		return false
	}
	owner := r.Attrs.Str(event.KeyOwnerID)
	if owner == "" {
		owner = owners[r.Attrs.Str(event.KeyOwnerPseudonym)]
	}
	if h.everything() || slices.Contains(h.Owner, owner) || slices.Contains(h.Principal, r.Attrs.Str(event.KeyPrincipal)) {
		return true
	}
	n := needleOf(h.Fingerprint)
	for fp := range fingerprints(r) {
		if n.matches(fp) {
			return true
		}
	}
	return false
}

// covers reports whether a block may have a row that the hold keeps, from what the commit says and the bloom filters:
// a block kept without need costs room, one deleted wrongly is evidence lost.
func (h *Hold) covers(ctx context.Context, b bucket.Bucket, f *File) (bool, error) {
	s := h.selection()
	if !s.overlaps(f) {
		return false, nil
	}
	if h.everything() {
		return true, nil
	}
	needles, err := h.needles(ctx, b, f)
	if err != nil {
		return false, err
	}
	src := &source{ctx: ctx, bucket: b, key: f.Key, size: f.Size}
	for i := range needles {
		if ok, err := needles[i].mayMatch(f, src); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func (h *Hold) needles(ctx context.Context, b bucket.Bucket, f *File) ([]needle, error) {
	var out []needle
	if len(h.Fingerprint) > 0 {
		s := Selection{Fingerprints: h.Fingerprint}
		out = append(out, s.fingerprintNeedle(f))
	}
	if len(h.Principal) > 0 {
		out = append(out, needle{column: columnName(event.KeyPrincipal), exact: h.Principal})
	}
	var pseudonyms []string
	for _, o := range h.Owner {
		p, err := pseudonym(ctx, b, o)
		if err != nil {
			return nil, err
		}
		if p != "" {
			pseudonyms = append(pseudonyms, p)
		}
	}
	if len(h.Owner) > 0 {
		out = append(out, needle{column: columnName(event.KeyOwnerID), exact: h.Owner},
			needle{column: columnName(event.KeyOwnerPseudonym), exact: pseudonyms})
	}
	return out, nil
}
