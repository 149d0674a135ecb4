package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// Lifting says who lifted a hold. It takes the place of the hold's document, which names a person and goes: that there
// was a hold, how long it stood and whose word ended it stays evident.
type Lifting struct {
	ID     string    `json:"id"`
	Placed time.Time `json:"placed"` // when the hold was
	Lifted time.Time `json:"lifted"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	Hold   string    `json:"hold_sha256"` // of the document that stood
}

const liftedSuffix = ".lifted.json"

func liftingKey(id string) string { return holdPrefix + id + liftedSuffix }

// liftedHold returns the id of the hold whose lifting stands under the key. An id has no dot.
func liftedHold(key string) (id string, ok bool) {
	return strings.CutSuffix(strings.TrimPrefix(key, holdPrefix), liftedSuffix)
}

// LiftHold lifts the hold of l.ID: what it alone kept goes at the next sweep. Placed and Hold of l are filled in. One
// that was cut off half way is done again by the same call, and the first who lifted it is the one who is named.
func LiftHold(ctx context.Context, b bucket.Bucket, l Lifting) error {
	switch {
	case !holdID.MatchString(l.ID):
		return fmt.Errorf("hold id must match %s, found %d other bytes", holdID, len(l.ID))
	case l.By == "":
		return errors.New("a lifting needs who lifted the hold")
	}
	text, err := b.GetRange(ctx, holdKey(l.ID), 0, -1)
	if err != nil {
		return err
	}
	var h Hold
	if err := getDocument(ctx, b, holdKey(l.ID), &h); err != nil {
		return err
	}
	l.Placed, l.Lifted, l.Hold = h.Created.UTC(), l.Lifted.UTC(), hexSum(text)
	if _, err := putDocument(ctx, b, liftingKey(l.ID), l); err != nil {
		return fmt.Errorf("hold %s: %w", l.ID, err)
	}
	_, err = deleteAll(ctx, b, holdKey(l.ID)) // a version that the store locks is hidden
	return err
}

// Liftings returns the liftings of holds, the oldest first.
func Liftings(ctx context.Context, b bucket.Bucket) ([]Lifting, error) {
	var list []Lifting
	for o, err := range b.List(ctx, holdPrefix, "") {
		if err != nil {
			return nil, err
		}
		if _, ok := liftedHold(o.Key); !ok {
			continue
		}
		var l Lifting
		if err := getDocument(ctx, b, o.Key, &l); err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	slices.SortStableFunc(list, func(a, b Lifting) int { return a.Lifted.Compare(b.Lifted) })
	return list, nil
}
