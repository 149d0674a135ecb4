package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

// SubjectKind says by what an erasure names the one whose rows go.
type SubjectKind string

// The kinds of subject.
const (
	SubjectOwner       SubjectKind = "owner"
	SubjectPrincipal   SubjectKind = "principal"
	SubjectFingerprint SubjectKind = "fingerprint"

	// subjectPseudonym is an owner as rows of some classes name him. Nobody asks for its erasure: an owner's tombstone
	// covers it.
	subjectPseudonym SubjectKind = "pseudonym"
)

// Tombstone says that rows of one subject, up to a time, are no longer kept. It stands in the archive before the first
// row goes, so that whoever writes or rewrites blocks meanwhile, or makes blocks of an old journal later, leaves the
// same rows out. It holds a hash of the subject, salted with its own id: enough to recognise the subject when a row
// names it, not enough to read who it was.
type Tombstone struct {
	Version int         `json:"version"`
	ID      string      `json:"id"`
	Kind    SubjectKind `json:"kind"`
	Subject string      `json:"subject_sha256"`
	// Pseudonym is likewise the hash of the owner's, so that rows which name only that are known for his when the alias
	// map has forgotten him.
	Pseudonym string    `json:"pseudonym_sha256,omitempty"`
	Until     time.Time `json:"until"` // event time, inclusive
	Created   time.Time `json:"created"`
	By        string    `json:"by,omitempty"`
	Reason    string    `json:"reason,omitempty"`
}

const tombstoneVersion = 1

// names reports whether value is the subject.
func (t *Tombstone) names(value string) bool {
	return value != "" && t.Subject == subjectHash(t.ID, t.Kind, value)
}

// covers reports whether the tombstone is the subject's, by whichever name a row has for him.
func (t *Tombstone) covers(s subject) bool {
	if s.kind == subjectPseudonym {
		return t.Pseudonym != "" && t.Pseudonym == subjectHash(t.ID, s.kind, s.value)
	}
	return t.Kind == s.kind && t.names(s.value)
}

func subjectHash(id string, kind SubjectKind, value string) string {
	sum := sha256.Sum256([]byte("keytrail erasure\x00" + id + "\x00" + string(kind) + "\x00" + value))
	return hex.EncodeToString(sum[:])
}

// verdicts bounds the answers that a set of tombstones remembers: a few hundred bytes each, and a segment's rows name
// the same owners and tokens over and over.
const verdicts = 1 << 16

// tombstones are all that stand in an archive, with the holds that outrank them. It is for one goroutine.
type tombstones struct {
	list  []*Tombstone
	known map[string]bool // keys of those in list
	// cache holds, for each value that some row named, the latest time up to which it is erased.
	cache   map[subject]int64
	aliases aliasMap
	owners  map[string]string // by pseudonym: of the owners whose alias still stands
	holds   holdSet
}

// subject is one who can be erased.
type subject struct {
	kind  SubjectKind
	value string
}

// loadTombstones reads everything that decides over rows of blocks: tombstones, holds and, where one names an owner, the
// alias map, since rows that keep a pseudonym only are recognised by it.
func loadTombstones(ctx context.Context, b bucket.Bucket) (*tombstones, error) {
	t := &tombstones{}
	if _, err := t.refresh(ctx, b); err != nil {
		return nil, err
	}
	return t, t.resolve(ctx, b)
}

// refresh reads the tombstones that came since, and the holds. It reports whether there is a new one: then a pseudonym
// that a writer remembers may be gone from the alias map. It is enough for records that name their owner; rows of
// blocks need loadTombstones.
func (t *tombstones) refresh(ctx context.Context, b bucket.Bucket) (changed bool, err error) {
	for o, err := range b.List(ctx, erasePrefix, "") {
		if err != nil {
			return false, err
		}
		if t.known[o.Key] || strings.HasSuffix(o.Key, receiptSuffix) {
			continue
		}
		stone, err := readTombstone(ctx, b, o.Key)
		if err != nil {
			return false, err // which rows it forbids cannot be told: nothing may be written
		}
		t.add(o.Key, stone)
		changed = true
	}
	if len(t.list) > 0 {
		t.holds, err = loadHolds(ctx, b)
	}
	return changed, err
}

func (t *tombstones) add(key string, stone *Tombstone) {
	if t.known == nil {
		t.known = make(map[string]bool)
	}
	t.known[key] = true
	t.list = append(t.list, stone)
	t.cache = nil
}

// resolve reads whom each pseudonym stands for, where a tombstone needs to know.
func (t *tombstones) resolve(ctx context.Context, b bucket.Bucket) (err error) {
	if slices.ContainsFunc(t.list, func(s *Tombstone) bool { return s.Kind == SubjectOwner }) {
		t.owners, err = t.aliases.load(ctx, b)
	}
	return err
}

func readTombstone(ctx context.Context, b bucket.Bucket, key string) (*Tombstone, error) {
	t := &Tombstone{}
	if err := getDocument(ctx, b, key, t); err != nil {
		return nil, err
	}
	if t.Version != tombstoneVersion {
		return nil, fmt.Errorf("%s: tombstone version %d is not known, want %d", key, t.Version, tombstoneVersion)
	}
	return t, nil
}

// drops reports whether a row belongs to an erased subject and no hold keeps it; a record on its way into a block is a
// row without a fingerprint of its own. An event that carries an erased credential beside its primary one is erased
// whole. Rows of a locked class are not asked about: they stay until their time.
func (t *tombstones) drops(r row) bool { return t.erased(r) && t.holds.keeping(r, t.owners) == "" }

// erased reports whether a tombstone covers the row, held or not.
func (t *tombstones) erased(r row) bool {
	if len(t.list) == 0 {
		return false
	}
	for s := range subjects(r, t.owners) {
		if r.record.Time <= t.erasedUntil(s) {
			return true
		}
	}
	return false
}

// erasedUntil returns the last moment of the subject's rows that is erased, before all time for none.
func (t *tombstones) erasedUntil(s subject) (until int64) {
	if until, ok := t.cache[s]; ok {
		return until
	}
	until = math.MinInt64
	for _, stone := range t.list {
		if stone.covers(s) {
			until = max(until, stone.Until.UnixNano())
		}
	}
	if t.cache == nil || len(t.cache) >= verdicts {
		t.cache = make(map[subject]int64)
	}
	t.cache[s] = until
	return until
}

// subjects yields everyone a row belongs to; owners is the owner of each pseudonym that is known.
func subjects(r row, owners map[string]string) iter.Seq[subject] {
	return func(yield func(subject) bool) {
		a := r.record.Attrs
		for _, owner := range []string{a.Str(event.KeyOwnerID), owners[a.Str(event.KeyOwnerPseudonym)]} {
			if owner != "" && !yield(subject{SubjectOwner, owner}) {
				return
			}
		}
		if p := a.Str(event.KeyOwnerPseudonym); p != "" && !yield(subject{subjectPseudonym, p}) {
			return
		}
		for _, key := range principalKeys {
			if v := a.Str(key); v != "" && !yield(subject{SubjectPrincipal, v}) {
				return
			}
		}
		for _, fp := range []string{r.fingerprint, a.Str(event.KeyFingerprintPrev)} {
			if fp != "" && !yield(subject{SubjectFingerprint, fp}) {
				return
			}
		}
		for fp := range fingerprints(r.record) {
			if fp != "" && !yield(subject{SubjectFingerprint, fp}) {
				return
			}
		}
	}
}

var principalKeys = []string{event.KeyPrincipal, event.KeyPrincipalPrev, event.KeyPrincipalClaimed}

// Where erasures stand.
const (
	erasePrefix   = "_erase/"
	receiptSuffix = ".receipt.json"
)

func tombstoneKey(id string) string { return erasePrefix + id + ".json" }

func receiptKey(id string) string { return erasePrefix + id + receiptSuffix }

// Tombstones lists the erasures of the archive, oldest first.
func Tombstones(ctx context.Context, b bucket.Bucket) ([]*Tombstone, error) {
	var list []*Tombstone
	for o, err := range b.List(ctx, erasePrefix, "") {
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(o.Key, receiptSuffix) {
			continue
		}
		t, err := readTombstone(ctx, b, o.Key)
		if errors.Is(err, bucket.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}
