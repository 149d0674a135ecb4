package archive

import (
	"context"
	"errors"
	"fmt"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// remove deletes a block, every version of it, and counts it. One that the store's lock keeps is counted as that and
// stays until its date.
func (s *sweeper) remove(ctx context.Context, f *File, count func()) (gone bool, err error) {
	there, err := s.there(ctx, f.Key)
	if err != nil || !there {
		return err == nil, err // by an earlier sweep; the commit stays for its other blocks
	}
	err = s.erase(ctx, f.Key)
	if errors.Is(err, bucket.ErrLocked) {
		s.report.Locked++
		s.stays[f.Key] = true
		return false, nil
	}
	if err != nil {
		return false, err
	}
	count()
	s.stays[f.Key] = s.dry // it is no orphan
	return true, nil
}

func (s *sweeper) there(ctx context.Context, key string) (bool, error) {
	if v, ok := s.bucket.(bucket.Versions); ok {
		for o, err := range v.Versions(ctx, key) {
			if err != nil {
				return false, err
			}
			if o.Key == key {
				return true, nil
			}
		}
		return false, nil
	}
	_, err := s.bucket.Head(ctx, key)
	if errors.Is(err, bucket.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// erase deletes an object with all its versions: a deletion in a bucket with versions only hides it.
func (s *sweeper) erase(ctx context.Context, key string) error {
	if s.dry {
		return nil
	}
	v, ok := s.bucket.(bucket.Versions)
	if !ok {
		return s.bucket.Delete(ctx, key)
	}
	var locked error
	for o, err := range v.Versions(ctx, key) {
		if err != nil {
			return err
		}
		if o.Key != key {
			continue
		}
		err = v.DeleteVersion(ctx, key, o.ID, false)
		if errors.Is(err, bucket.ErrLocked) {
			locked = fmt.Errorf("%s: %w", key, err) // the others go
			continue
		}
		if err != nil {
			return err
		}
	}
	return locked
}

// orphans deletes blocks that no commit names, once they are old enough that none will.
func (s *sweeper) orphans(ctx context.Context) error {
	remove := func(o bucket.Object) error {
		if s.stays[o.Key] || s.live[o.Key] || o.Modified.Add(orphanGrace).After(s.now) {
			return nil
		}
		err := s.erase(ctx, o.Key)
		if errors.Is(err, bucket.ErrLocked) {
			s.report.Locked++
			return nil
		}
		if err == nil {
			s.report.Orphans++
		}
		return err
	}
	v, ok := s.bucket.(bucket.Versions)
	if !ok {
		for o, err := range s.bucket.List(ctx, dataPrefix, "") {
			if err == nil {
				err = remove(o)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	last := ""
	for o, err := range v.Versions(ctx, dataPrefix) { // of a key the newest first, which tells its age
		if err != nil {
			return err
		}
		if o.Key == last {
			continue
		}
		last = o.Key
		if err := remove(bucket.Object{Key: o.Key, Modified: o.Modified}); err != nil {
			return err
		}
	}
	return nil
}
