package archive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// proveGrace is how long after its end a block may still stand: sweeps run by the hour, and one may fail.
const proveGrace = 6 * time.Hour

// ProveReport says whether the archive keeps what its classes promise, and nothing else.
type ProveReport struct {
	At       time.Time
	Blocks   int // live ones
	Objects  int // objects under the data prefix
	Versions int // versions of them, where the bucket keeps versions
	Held     int // blocks past their class that a hold keeps
	Locked   int // versions that a lock keeps after they were replaced
	Erasures int
	// Unknown counts blocks that are gone past their class and of which a hold on somebody may have kept rows: nothing
	// that is left tells whose rows they held.
	Unknown    int
	Oldest     time.Time // event time of the oldest row that can be read
	Violations []Violation
}

// Violation is one broken promise.
type Violation struct {
	Kind   ViolationKind `json:"violation"`
	Key    string        `json:"key"`
	Detail string        `json:"detail"`
}

// ViolationKind is which promise is broken.
type ViolationKind string

// The promises that can be broken.
const (
	ViolationExpired    ViolationKind = "expired"    // older than its class keeps, and readable
	ViolationLost       ViolationKind = "lost"       // within its class, or held, and gone
	ViolationOrphan     ViolationKind = "orphan"     // readable, and no commit answers for it
	ViolationUnfinished ViolationKind = "unfinished" // an erasure without a receipt
	ViolationErased     ViolationKind = "erased"     // holds rows that an erasure covers
)

// Prove looks at every object that could be read and says what breaks a promise: nothing older than its class keeps is
// there, in any version; nothing within its class or held is lost; every erasure has ended.
func Prove(ctx context.Context, b bucket.Bucket, now time.Time) (*ProveReport, error) {
	p := &prover{
		bucket: b, now: now, classes: classDocuments{bucket: b}, report: &ProveReport{At: now.UTC()},
		live: make(map[string]bool), held: make(map[string]bool),
	}
	cat, err := loadCatalog(ctx, b, nil, false)
	if err == nil {
		err = cat.err() // what an unreadable commit promises cannot be told
	}
	if err == nil {
		p.cat = cat
		err = p.run(ctx)
	}
	if err != nil {
		return p.report, fmt.Errorf("prove: %w", err)
	}
	return p.report, nil
}

type prover struct {
	bucket  bucket.Bucket
	now     time.Time
	cat     *catalog
	classes classDocuments
	holds   []Hold
	live    map[string]bool
	held    map[string]bool
	there   map[string]bucket.Object
	stones  []*Tombstone
	// committed is when the store took each commit, read where there are tombstones.
	committed map[string]time.Time
	report    *ProveReport
}

func (p *prover) run(ctx context.Context) (err error) {
	if p.holds, err = Holds(ctx, p.bucket); err != nil {
		return err
	}
	if err := p.objects(ctx); err != nil {
		return err
	}
	for _, f := range p.cat.live() {
		if err := p.block(ctx, f); err != nil {
			return err
		}
	}
	if err := p.orphans(ctx); err != nil {
		return err
	}
	if err := p.versions(ctx); err != nil {
		return err
	}
	if err := p.erasures(ctx); err != nil {
		return err
	}
	return p.erasedRows(ctx)
}

func (p *prover) violation(kind ViolationKind, key, format string, args ...any) {
	p.report.Violations = append(p.report.Violations, Violation{kind, key, fmt.Sprintf(format, args...)})
}

func (p *prover) objects(ctx context.Context) error {
	p.there = make(map[string]bucket.Object)
	for o, err := range p.bucket.List(ctx, dataPrefix, "") {
		if err != nil {
			return err
		}
		p.there[o.Key] = o
		p.report.Objects++
	}
	return nil
}

// block checks a live block against its class and the holds.
func (p *prover) block(ctx context.Context, f *File) error {
	until, err := p.classes.until(ctx, f)
	if err != nil {
		return err
	}
	p.live[f.Key] = true
	_, there := p.there[f.Key]
	over := !until.After(p.now)
	var hold string
	if over || !there {
		if hold, err = p.holdOf(ctx, f, there); err != nil {
			return err
		}
	}
	switch {
	case !there && !over:
		p.violation(ViolationLost, f.Key, "its class keeps it until %s", until.Format(time.RFC3339))
	case !there && hold != "":
		p.violation(ViolationLost, f.Key, "hold %s keeps its period", hold)
	case !there:
		return nil
	case hold != "":
		p.report.Held++
		p.held[f.Key] = true
	case over && !until.Add(proveGrace).After(p.now):
		p.violation(ViolationExpired, f.Key, "its class kept it until %s", until.Format(time.RFC3339))
	}
	p.report.Blocks++
	if there && (p.report.Oldest.IsZero() || f.MinTime.Before(p.report.Oldest)) {
		p.report.Oldest = f.MinTime
	}
	return nil
}

// orphans are blocks that no commit makes visible, and that a sweep should have taken. One that others stand for may
// have a lock that is not over.
func (p *prover) orphans(ctx context.Context) error {
	for key, o := range p.there {
		if p.live[key] || !o.Modified.Add(orphanGrace+proveGrace).Before(p.now) {
			continue
		}
		if v, ok := p.bucket.(bucket.Versions); ok {
			locked, err := p.locked(ctx, v, key, "")
			if err != nil {
				return err
			}
			if locked {
				p.report.Locked++
				continue
			}
		}
		p.violation(ViolationOrphan, key, "written %s, no commit makes it visible", o.Modified.UTC().Format(time.RFC3339))
	}
	return nil
}

// locked reports whether the store keeps a version from everybody's hands.
func (p *prover) locked(ctx context.Context, versions bucket.Versions, key, id string) (bool, error) {
	lock, hold, err := versions.LockOf(ctx, key, id)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, bucket.ErrNotFound) {
		return false, nil
	}
	return hold || lock.Until.After(p.now), err
}

// versions looks at what a bucket keeps of deleted objects.
func (p *prover) versions(ctx context.Context) error {
	versions, ok := p.bucket.(bucket.Versions)
	if !ok {
		return nil
	}
	for v, err := range versions.Versions(ctx, dataPrefix) {
		if errors.Is(err, errors.ErrUnsupported) {
			return nil
		}
		if err != nil {
			return err
		}
		if v.Marker {
			continue
		}
		p.report.Versions++
		if v.Latest {
			continue // looked at as an object
		}
		if err := p.version(ctx, versions, v); err != nil {
			return err
		}
	}
	return nil
}

// version judges an older version: it is there to be read by whoever asks for it by its id.
func (p *prover) version(ctx context.Context, versions bucket.Versions, v bucket.Version) error {
	if v.Modified.Add(orphanGrace + proveGrace).After(p.now) {
		return nil // a sweep has had no time yet
	}
	locked, err := p.locked(ctx, versions, v.Key, v.ID)
	if err != nil {
		return err
	}
	if locked {
		p.report.Locked++
		return nil
	}
	p.violation(ViolationExpired, v.Key, "version %s of %s is not the current one and can still be read", v.ID, v.Modified.UTC().Format(time.RFC3339))
	return nil
}

func (p *prover) erasures(ctx context.Context) error {
	stones, err := Tombstones(ctx, p.bucket)
	if err != nil {
		return err
	}
	p.report.Erasures, p.stones = len(stones), stones
	open, err := unfinishedErasures(ctx, p.bucket)
	if err != nil {
		return err
	}
	for _, t := range open {
		p.violation(ViolationUnfinished, tombstoneKey(t.ID), "begun %s, has no receipt: erase the same %s again", t.Created.Format(time.RFC3339), t.Kind)
	}
	return nil
}
