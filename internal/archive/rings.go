package archive

import (
	"context"
	"errors"
	"fmt"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

// EpochError says that the archive holds records which the same ring and epoch stamped with another key: a key file was
// lost and made anew. Its fingerprints and the new ones would never meet, so nothing is written.
type EpochError struct {
	Ring  string
	Epoch int
	Have  string // the check value in the archive
	Want  string // the check value of the records to write
}

func (e *EpochError) Error() string {
	return fmt.Sprintf("key epoch %d of ring %q has check value %s in the archive, found %s", e.Epoch, e.Ring, e.Have, e.Want)
}

// rings remembers which check value each epoch has in the archive.
type rings struct {
	bucket bucket.Bucket
	known  map[ringEpoch]string
}

type ringEpoch struct {
	ring  string
	epoch int
}

// admit makes sure that the archive knows s by the same check value; the first writer to name an epoch settles it.
func (r *rings) admit(ctx context.Context, s event.Scope) error {
	if s.Ring == "" {
		return nil // not stamped by a ring: nothing to keep apart
	}
	id := ringEpoch{s.Ring, s.Epoch}
	have, ok := r.known[id]
	if !ok {
		e := Epoch{Ring: s.Ring, Epoch: s.Epoch, Check: s.Check}
		created, err := putDocument(ctx, r.bucket, ringKey(s.Ring, s.Epoch), e)
		if err == nil && !created {
			err = getDocument(ctx, r.bucket, ringKey(s.Ring, s.Epoch), &e)
		}
		if err != nil {
			return fmt.Errorf("key epoch: %w", err)
		}
		r.known[id], have = e.Check, e.Check
	}
	if have != s.Check {
		return &EpochError{Ring: s.Ring, Epoch: s.Epoch, Have: have, Want: s.Check}
	}
	return nil
}

// check refuses s if the archive knows it by another check value, and writes nothing.
func (r *rings) check(ctx context.Context, s event.Scope) error {
	if s.Ring == "" {
		return nil
	}
	var e Epoch
	err := getDocument(ctx, r.bucket, ringKey(s.Ring, s.Epoch), &e)
	switch {
	case errors.Is(err, bucket.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("key epoch: %w", err)
	case e.Check != s.Check:
		return &EpochError{Ring: s.Ring, Epoch: s.Epoch, Have: e.Check, Want: s.Check}
	}
	return nil
}
