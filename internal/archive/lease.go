package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// leaseTime is how long a lease lasts without being renewed: longer than one merge takes, since it is renewed between
// merges, and short enough that a killed compactor does not stop the others for long.
const leaseTime = 15 * time.Minute

// lease says who compacts. It only saves work that would be done twice: what keeps the archive right when two compact
// at once, whose clocks disagree or who slept through their lease, is the order of generations.
type lease struct {
	Holder  string    `json:"holder"`
	Expires time.Time `json:"expires"`
}

// takeLease takes or renews the lease for holder and reports whether it has it now.
func takeLease(ctx context.Context, b bucket.Bucket, holder string, now time.Time) (bool, error) {
	mine := lease{Holder: holder, Expires: now.Add(leaseTime).UTC()}
	o, err := b.Head(ctx, leaseKey)
	if errors.Is(err, bucket.ErrNotFound) {
		return putLease(ctx, b, mine, bucket.PutOptions{IfAbsent: true})
	}
	if err != nil {
		return false, err
	}
	var stands lease
	err = getDocument(ctx, b, leaseKey, &stands)
	switch {
	case errors.Is(err, bucket.ErrNotFound):
		return false, nil // given back this moment: the next run takes it
	case err != nil && bucket.ClassOf(err) == bucket.Retry:
		return false, err
	case err == nil && stands.Holder != holder && stands.Expires.After(now):
		return false, nil
	}
	return putLease(ctx, b, mine, bucket.PutOptions{IfMatch: o.ETag}) // over one that cannot be parsed, too
}

func putLease(ctx context.Context, b bucket.Bucket, l lease, o bucket.PutOptions) (bool, error) {
	text, err := json.Marshal(l)
	if err != nil {
		return false, fmt.Errorf("%s: %w", leaseKey, err)
	}
	err = b.Put(ctx, leaseKey, bytes.NewReader(text), int64(len(text)), o)
	if errors.Is(err, bucket.ErrExists) || errors.Is(err, bucket.ErrChanged) {
		return false, nil
	}
	return err == nil, err
}

// giveLease lets the lease end now, so that nobody waits for one who is done.
func giveLease(ctx context.Context, b bucket.Bucket, holder string, now time.Time) error {
	o, err := b.Head(ctx, leaseKey)
	if errors.Is(err, bucket.ErrNotFound) {
		return nil
	}
	var stands lease
	if err == nil {
		err = getDocument(ctx, b, leaseKey, &stands)
	}
	if err != nil || stands.Holder != holder {
		return err
	}
	_, err = putLease(ctx, b, lease{Holder: holder, Expires: now.UTC()}, bucket.PutOptions{IfMatch: o.ETag})
	return err
}
