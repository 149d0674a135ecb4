package archive

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

// erasedRows looks for rows that an erasure covers in what came after it looked: blocks of segments whose commit is
// younger than the tombstone, by the clock of the store that wrote both down, and merged blocks made since. What is
// older the erasure itself has searched, and its receipt says so. Without an erasure nothing is read.
func (p *prover) erasedRows(ctx context.Context) error {
	if len(p.stones) == 0 {
		return nil
	}
	stones, err := loadTombstones(ctx, p.bucket)
	if err != nil || len(stones.list) == 0 {
		return err
	}
	spans, err := p.erasedSpans(ctx)
	if err != nil {
		return err
	}
	for key, c := range p.cat.byKey() {
		for i := range c.Files {
			f := &c.Files[i]
			may := func(s erasedSpan) bool { return s.mayHold(f, p.committed[key]) }
			if _, there := p.there[f.Key]; !there || !p.live[f.Key] || !slices.ContainsFunc(spans, may) {
				continue
			}
			if err := p.erasedIn(ctx, f, stones); err != nil {
				return err
			}
		}
	}
	return nil
}

// erasedSpan is from when on blocks may hold rows that one erasure has not seen, and how old such rows are.
type erasedSpan struct {
	committed time.Time // of the tombstone, by the store's clock
	looked    time.Time // the last look, by the clock of whoever erased; the tombstone's own time before there was one
	until     time.Time // the latest event time that is erased
}

func (s erasedSpan) mayHold(f *File, committed time.Time) bool {
	if f.MinTime.After(s.until) {
		return false
	}
	if f.Level > 0 {
		return f.Written.After(s.looked)
	}
	return !committed.Before(s.committed)
}

// erasedSpans reads when the tombstones came and what their erasures have looked at, and when commits did.
func (p *prover) erasedSpans(ctx context.Context) (spans []erasedSpan, err error) {
	at, err := p.modified(ctx, erasePrefix)
	if err != nil {
		return nil, err
	}
	if p.committed, err = p.modified(ctx, commitPrefix); err != nil {
		return nil, err
	}
	keys := &keyBook{bucket: p.bucket}
	for _, t := range p.stones {
		s := erasedSpan{committed: at[tombstoneKey(t.ID)], looked: t.Created, until: t.Until}
		if r, err := readReceipt(ctx, keys, receiptKey(t.ID)); err == nil && r.Looked != nil {
			s.looked = *r.Looked
		}
		spans = append(spans, s)
	}
	return spans, nil
}

func (p *prover) modified(ctx context.Context, prefix string) (map[string]time.Time, error) {
	at := make(map[string]time.Time)
	for o, err := range p.bucket.List(ctx, prefix, "") {
		if err != nil {
			return nil, err
		}
		at[o.Key] = o.Modified
	}
	return at, nil
}

// erasedKeys are the attributes that can name a subject.
var erasedKeys = map[string]bool{
	event.KeyOwnerID: true, event.KeyOwnerPseudonym: true, event.KeyPrincipal: true, event.KeyPrincipalPrev: true,
	event.KeyPrincipalClaimed: true, event.KeyFingerprint: true, event.KeyFingerprintPrev: true, event.KeyOthers: true,
}

func (p *prover) erasedIn(ctx context.Context, f *File, stones *tombstones) error {
	class, err := p.classes.get(ctx, f.ClassHash)
	if err != nil || class.Lock != LockNone {
		return err // locked rows stay, and the receipt says so
	}
	rows := 0
	err = eachRow(ctx, p.bucket, f, erasedKeys, func(r row) bool {
		if stones.drops(r) {
			rows++
		}
		return true
	})
	if errors.Is(err, bucket.ErrNotFound) {
		return nil // swept just now
	}
	if err == nil && rows > 0 {
		p.violation(ViolationErased, f.Key, "holds %d rows that an erasure covers: the next compaction of its day removes them", rows)
	}
	return err
}

// byKey returns the commits that say what is live, by key.
func (c *catalog) byKey() map[string]*Commit {
	m := maps.Clone(c.plain)
	for u := range c.chains {
		if g := c.newest(u); g.commit != nil {
			m[g.key] = g.commit
		}
	}
	return m
}
