package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// forget removes the alias, unless held rows are found by it.
func (e *erasure) forget(ctx context.Context) error {
	if e.alias == "" {
		return nil
	}
	if slices.ContainsFunc(e.report.Stays, func(s Remainder) bool { return s.Why == StaysHeld }) {
		e.report.Alias = AliasHeld
		return nil
	}
	left, err := deleteAll(ctx, e.bucket, aliasKey(e.subject.value))
	if err != nil {
		return fmt.Errorf("alias: %w", err)
	}
	e.report.Alias = AliasRemoved
	if left.versions > 0 {
		e.report.Alias = AliasLocked
		e.lockedAway("old versions of the owner's alias", left)
	}
	return nil
}

// purge deletes the blocks that others stand for, its own and those of compactions before it, which a sweep would leave
// for a while to the searches under way: they hold the subject's rows too. A version that the store's lock keeps does
// not end the erasure: it is out of everybody's reach until its date, and the receipt says so.
func (e *erasure) purge(ctx context.Context) error {
	cat, err := loadCatalog(ctx, e.bucket, nil, true)
	if err == nil {
		err = cat.err()
	}
	if err != nil {
		return err
	}
	for _, f := range cat.superseded() {
		class, err := e.classes.get(ctx, f.ClassHash)
		if err != nil {
			return fmt.Errorf("class of block %s: %w", f.Key, err)
		}
		if class.Lock != LockNone || f.MinTime.After(e.stone.Until) {
			continue
		}
		left, err := deleteAll(ctx, e.bucket, f.Key)
		if err != nil {
			return fmt.Errorf("old block %s: %w", f.Key, err)
		}
		if left.versions > 0 {
			e.lockedAway(f.Key, left)
		}
	}
	return nil
}

// lockedAway notes what a lock of the store keeps, once however many passes meet it.
func (e *erasure) lockedAway(what string, left lockedVersions) {
	stays := Remainder{Why: StaysLocked, What: what}
	if !left.until.IsZero() {
		until := left.until.UTC()
		stays.Until = &until
	}
	same := func(s Remainder) bool { return s.Why == StaysLocked && s.What == what }
	if i := slices.IndexFunc(e.report.Stays, same); i >= 0 {
		e.report.Stays[i] = stays
		return
	}
	e.report.Stays = append(e.report.Stays, stays)
}

// superseded returns the blocks that some commit names and that are not live.
func (c *catalog) superseded() []*File {
	live := make(map[string]bool)
	for _, f := range c.live() {
		live[f.Key] = true
	}
	old := make(map[string]*File)
	take := func(commit *Commit) {
		for i := range commit.Files {
			if f := &commit.Files[i]; !live[f.Key] {
				old[f.Key] = f
			}
		}
	}
	for _, commit := range c.plain {
		take(commit)
	}
	for _, chain := range c.chains {
		for _, g := range chain {
			if g.commit != nil {
				take(g.commit)
			}
		}
	}
	return slices.SortedFunc(maps.Values(old), func(a, b *File) int { return cmp.Compare(a.Key, b.Key) })
}

// lockedVersions are those of one object that a lock or a legal hold of the store keeps.
type lockedVersions struct {
	versions int
	until    time.Time // the latest; zero where only a legal hold keeps them
}

// deleteAll removes an object with every version of it that can be removed. Where a lock keeps one, the object is
// hidden all the same.
func deleteAll(ctx context.Context, b bucket.Bucket, key string) (left lockedVersions, err error) {
	versions, ok := b.(bucket.Versions)
	if !ok {
		return left, b.Delete(ctx, key)
	}
	for v, err := range versions.Versions(ctx, key) {
		if err != nil {
			return left, err
		}
		if v.Key != key {
			continue
		}
		err = versions.DeleteVersion(ctx, key, v.ID, false)
		if !errors.Is(err, bucket.ErrLocked) {
			if err != nil {
				return left, err
			}
			continue
		}
		left.versions++
		lock, _, err := versions.LockOf(ctx, key, v.ID)
		if err != nil {
			return left, err
		}
		if lock.Until.After(left.until) {
			left.until = lock.Until
		}
	}
	if left.versions > 0 {
		return left, b.Delete(ctx, key) // a marker that stood went with the other versions
	}
	return left, nil
}
