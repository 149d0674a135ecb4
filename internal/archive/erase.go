package archive

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// EraseOptions say whose rows go, up to when, and who asked.
type EraseOptions struct {
	// Exactly one of these names the subject, in full.
	Owner       string // token.owner.id
	Principal   string // token.principal
	Fingerprint string // kt<epoch>_<32 hex> or kc<epoch>_<32 hex>

	Until time.Time // the last event time that goes; zero is Now
	// Unseen erases a subject of which the archive holds nothing: its records may still lie in a journal.
	Unseen  bool
	DryRun  bool
	Staging string // directory for blocks in the making; empty is that of the system
	By      string // who erases, for the receipt
	Reason  string // why, such as the number of a request; never the person
	Signer  *Signer
	Copies  []Copy    // places besides the archive that are asked to delete
	Now     time.Time // zero is the clock
}

// EraseReport says what an erasure did, or would do.
type EraseReport struct {
	ID      string
	Kind    SubjectKind
	Until   time.Time
	Scanned int // blocks looked at
	Touched []TouchedBlock
	Rows    int64 // rows erased, or to be erased
	Bytes   int64 // size of the touched blocks
	// Rewritten counts what the rewriting did: its RowsIn are RowsOut, Dropped and Duplicates, or the erasure failed.
	Rewritten ReplaceReport
	// Others counts rows of earlier erasures that went along: what had kept them, a hold, does so no more.
	Others  int64
	Alias   AliasFate
	Stays   []Remainder
	Copies  []CopyRequest
	Left    int64 // rows of the subject that the last look found and nothing keeps: 0, or the erasure failed
	Receipt string
}

// TouchedBlock is a block with rows of the subject.
type TouchedBlock struct {
	Key  string
	Rows int64 // of the subject
	file *File
}

// AliasFate is what became of the owner's pseudonym.
type AliasFate string

// The fates of an alias.
const (
	AliasNone    AliasFate = "none"    // the map had no entry, or the subject is no owner
	AliasRemoved AliasFate = "removed" // nothing links the pseudonym any more
	AliasHeld    AliasFate = "held"    // a hold keeps rows that are found by it
	AliasLocked  AliasFate = "locked"  // hidden, and a lock of the store keeps a version of it
)

// Remainder is what stays of the subject, and why.
type Remainder struct {
	Why   StayReason `json:"why"`
	What  string     `json:"what"` // class, hold or system
	Rows  int64      `json:"rows,omitempty"`
	Until *time.Time `json:"until,omitempty"`
}

// StayReason is why something stays.
type StayReason string

// The reasons for which something stays.
const (
	StaysLocked    StayReason = "locked"    // the class is locked: skeleton rows stay until their day ends; or the store locks an old version
	StaysHeld      StayReason = "held"      // a legal hold outranks the erasure
	StaysElsewhere StayReason = "elsewhere" // out of this command's reach
	StaysMetadata  StayReason = "metadata"  // commit documents, until they are swept
)

// What the caller of Erase can tell apart.
var (
	ErrNothingToErase = errors.New("the archive holds nothing of the subject")
	ErrRowsLeft       = errors.New("rows of the subject are left")
)

var wholeFingerprint = regexp.MustCompile(`^k[tc][0-9]{1,5}_[0-9a-f]{32}$`)

// subject checks the options before anything is destroyed and returns who is erased.
func (o *EraseOptions) subject() (subject, error) {
	var named []subject
	for _, s := range []subject{{SubjectOwner, o.Owner}, {SubjectPrincipal, o.Principal}, {SubjectFingerprint, o.Fingerprint}} {
		if s.value != "" {
			named = append(named, s)
		}
	}
	if len(named) != 1 {
		return subject{}, fmt.Errorf("erasure must name exactly one of owner, principal and fingerprint, found %d", len(named))
	}
	if s := named[0]; s.kind == SubjectFingerprint && !wholeFingerprint.MatchString(s.value) {
		// Not the value: whoever mistakes a token for a fingerprint must not find it in a log.
		return subject{}, fmt.Errorf("fingerprint to erase must be whole, kt<epoch>_<32 hex>, found %d other bytes", len(s.value))
	}
	if o.Until.After(o.Now) {
		return subject{}, fmt.Errorf("until must not lie ahead, found %s", o.Until.Format(time.RFC3339))
	}
	if !o.DryRun && o.Signer == nil {
		return subject{}, errors.New("erasure needs the signing key of the archive for its receipt")
	}
	return named[0], nil
}

// erasePasses bounds how often an erasure looks again: writers that had not seen the tombstone when they began may
// commit rows of the subject while it works.
const erasePasses = 5

// Erase removes the rows of one subject. The tombstone comes first: it is what keeps writers and compactors from
// bringing the rows back. Then the blocks that hold such rows are replaced by ones without them, the old ones deleted
// in all their versions, and the owner's alias removed. At last the archive is searched again, and a signed receipt says
// what was done and what stays. An erasure that was killed is done again whole, by the same call.
func Erase(ctx context.Context, b bucket.Bucket, o EraseOptions) (*EraseReport, error) {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	s, err := o.subject()
	if err != nil {
		return nil, err
	}
	e, err := newErasure(ctx, b, s, o)
	if err != nil {
		return nil, err
	}
	found, err := e.look(ctx)
	if err != nil {
		return nil, fmt.Errorf("erasure: %w", err)
	}
	e.account(found)
	if e.report.Rows == 0 && len(e.report.Stays) == 0 && e.alias == "" && !o.Unseen {
		return e.report, ErrNothingToErase
	}
	e.report.Stays = append(e.report.Stays, outOfReach(o.Copies)...)
	if o.DryRun {
		return e.report, nil
	}
	return e.report, e.run(ctx, found)
}

// erasure is one erasure at work.
type erasure struct {
	bucket  bucket.Bucket
	opts    EraseOptions
	subject subject
	stone   *Tombstone
	alias   string // the owner's pseudonym
	classes classDocuments
	holds   holdSet
	owners  map[string]string
	asked   map[Copy][]CopyRequest
	began   time.Time
	looked  time.Time // when the last look began
	report  *EraseReport
}

func newErasure(ctx context.Context, b bucket.Bucket, s subject, o EraseOptions) (*erasure, error) {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	id := o.Now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(random[:])
	until := o.Until
	if until.IsZero() {
		until = o.Now
	}
	e := &erasure{
		bucket: b, opts: o, subject: s, classes: classDocuments{bucket: b}, began: time.Now(), asked: make(map[Copy][]CopyRequest),
		stone: &Tombstone{
			Version: tombstoneVersion, ID: id, Kind: s.kind, Subject: subjectHash(id, s.kind, s.value),
			Until: until.UTC(), Created: o.Now.UTC(), By: o.By, Reason: o.Reason,
		},
		report: &EraseReport{ID: id, Kind: s.kind, Until: until.UTC(), Alias: AliasNone},
	}
	var err error
	if e.holds, err = loadHolds(ctx, b); err != nil {
		return nil, err
	}
	if s.kind == SubjectOwner {
		if e.alias, err = pseudonym(ctx, b, s.value); err != nil {
			return nil, err
		}
		if e.alias != "" {
			e.stone.Pseudonym = subjectHash(id, subjectPseudonym, e.alias)
			e.owners = map[string]string{e.alias: s.value}
		}
	}
	return e, nil
}

// clock is the time that passed since the erasure began, on its own clock.
func (e *erasure) clock() time.Time { return e.opts.Now.Add(time.Since(e.began)) }

// covers reports whether the row is the subject's and of the time that goes.
func (e *erasure) covers(r row) bool {
	if r.record.Time > e.stone.Until.UnixNano() {
		return false
	}
	for s := range subjects(r, e.owners) {
		if s == e.subject {
			return true
		}
	}
	return false
}

// keep is what a rewritten block keeps.
func (e *erasure) keep(r row) bool { return !e.covers(r) || e.holds.keeping(r, e.owners) != "" }

// account puts what the first look found into the report.
func (e *erasure) account(found []*blockMatch) {
	r := e.report
	locked := make(map[string]*Remainder)
	held := make(map[string]*Remainder)
	for _, m := range found {
		r.Scanned++
		for id, n := range m.held {
			remainder(held, StaysHeld, id).Rows += n
		}
		if m.locked > 0 {
			l := remainder(locked, StaysLocked, m.file.Class)
			l.Rows += m.locked
			if l.Until == nil || l.Until.Before(m.until) {
				l.Until = &m.until
			}
		}
		if m.rows > 0 {
			r.Touched = append(r.Touched, TouchedBlock{Key: m.file.Key, Rows: m.rows, file: m.file})
			r.Rows += m.rows
			r.Bytes += m.file.Size
		}
	}
	for _, list := range []map[string]*Remainder{locked, held} {
		for _, what := range slices.Sorted(maps.Keys(list)) {
			r.Stays = append(r.Stays, *list[what])
		}
	}
}

func remainder(in map[string]*Remainder, why StayReason, what string) *Remainder {
	if in[what] == nil {
		in[what] = &Remainder{Why: why, What: what}
	}
	return in[what]
}

// run destroys: from here on an error leaves a tombstone without a receipt, which Prove reports until the erasure is
// done again.
func (e *erasure) run(ctx context.Context, found []*blockMatch) error {
	if _, err := putDocument(ctx, e.bucket, tombstoneKey(e.stone.ID), e.stone); err != nil {
		return fmt.Errorf("tombstone: %w", err)
	}
	if err := e.ask(ctx, found); err != nil {
		return err
	}
	for range erasePasses {
		touched := slices.DeleteFunc(found, func(m *blockMatch) bool { return m.rows == 0 })
		if err := e.rewrite(ctx, touched); err != nil {
			return err
		}
		if err := e.purge(ctx); err != nil {
			return err
		}
		if err := e.forget(ctx); err != nil {
			return err
		}
		e.looked = e.clock().UTC()
		var err error
		if found, err = e.look(ctx); err != nil {
			return fmt.Errorf("last look: %w", err)
		}
		if e.report.Left = countRows(found); e.report.Left == 0 {
			e.follow(ctx)
			return e.sign(ctx)
		}
		e.late(found)
	}
	return fmt.Errorf("%d rows after %d passes: %w", e.report.Left, erasePasses, ErrRowsLeft)
}

// late counts blocks that came while the erasure worked.
func (e *erasure) late(found []*blockMatch) {
	for _, m := range found {
		if m.rows > 0 {
			e.report.Touched = append(e.report.Touched, TouchedBlock{Key: m.file.Key, Rows: m.rows, file: m.file})
			e.report.Rows += m.rows
			e.report.Bytes += m.file.Size
		}
	}
}

func countRows(found []*blockMatch) (n int64) {
	for _, m := range found {
		n += m.rows
	}
	return n
}

// rewrite replaces the blocks, those of one class and day by one commit.
func (e *erasure) rewrite(ctx context.Context, touched []*blockMatch) error {
	units := make(map[unit][]File)
	rows := make(map[unit]int64)
	for _, m := range touched {
		u := unit{m.file.Class, m.file.Day}
		units[u] = append(units[u], *m.file)
		rows[u] += m.rows
	}
	order := slices.SortedFunc(maps.Keys(units), func(a, b unit) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.class, b.class))
	})
	for _, u := range order {
		if err := e.rewriteUnit(ctx, units[u], rows[u]); err != nil {
			return fmt.Errorf("class %s, day %s: %w", u.class, u.day, err)
		}
	}
	return nil
}

// rewriteUnit replaces the blocks, of whose rows so many are the subject's.
func (e *erasure) rewriteUnit(ctx context.Context, files []File, rows int64) error {
	_, r, err := Replace(ctx, e.bucket, ReplaceOptions{
		Inputs: files, Reason: "erasure " + e.stone.ID, Staging: e.opts.Staging,
		Keep: func(h *Hit) bool { return e.keep(row{h.Fingerprint, h.Primary, &h.Record}) },
	})
	if errors.Is(err, ErrSuperseded) {
		return nil // a compactor was quicker: the next look finds the rows in its block
	}
	if err != nil {
		return err
	}
	if r.RowsIn != r.RowsOut+r.Dropped+r.Duplicates {
		return fmt.Errorf("%d rows in, %d out, %d dropped, %d duplicates: %w", r.RowsIn, r.RowsOut, r.Dropped, r.Duplicates, errLost)
	}
	e.report.Rewritten.add(r)
	e.report.Others += r.Dropped - rows
	return nil
}
