package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// VerifyOptions say what to believe.
type VerifyOptions struct {
	// Trusted are the public keys that signatures must be of. Without any the archive's own are believed, which shows
	// damage, but not a forger who can write to the bucket.
	Trusted []PublicKey
	Now     time.Time // zero is the clock
}

// VerifyReport says what was checked and what is wrong.
type VerifyReport struct {
	Digests   int
	Through   time.Time // the end of the last digest; zero without one
	Documents int       // commits, classes, key epochs, erasures, holds
	Blocks    int
	Bytes     int64 // of blocks, read and hashed
	Receipts  int
	Lifted    int      // holds that were lifted
	Keys      []string // ids of the keys that signed
	Pending   int      // documents that are younger than the last digest
	Problems  []Problem
}

// Problem is one thing that is not as it was written.
type Problem struct {
	Kind   ProblemKind `json:"problem"`
	Key    string      `json:"key"`
	Detail string      `json:"detail"`
}

// ProblemKind is what is wrong.
type ProblemKind string

// The problems that Verify finds.
const (
	ProblemMissing   ProblemKind = "missing"   // listed or named by a commit, gone, and nothing explains why
	ProblemChanged   ProblemKind = "changed"   // other bytes than were written
	ProblemUnlisted  ProblemKind = "unlisted"  // stands in a time that a digest covers, and no digest lists it
	ProblemChain     ProblemKind = "chain"     // a digest does not fit the one before it
	ProblemSignature ProblemKind = "signature" // a digest or receipt whose signature does not fit, or is not trusted
)

// Verify hashes every live block and document and compares them with the commits and the signed digests. What is gone
// must have a reason that the digests tell: its class has ended, or a commit replaced it.
func Verify(ctx context.Context, b bucket.Bucket, o VerifyOptions) (*VerifyReport, error) {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	v := &verifier{
		bucket: b, now: o.Now, keys: &keyBook{bucket: b, pinned: o.Trusted}, report: &VerifyReport{},
		ledger: newLedger(), stands: make(map[string]bool),
	}
	for _, step := range []func(context.Context) error{v.chain, v.documents, v.blocks, v.absent} {
		if err := step(ctx); err != nil {
			return v.report, fmt.Errorf("verify: %w", err)
		}
	}
	return v.report, nil
}

type verifier struct {
	bucket bucket.Bucket
	now    time.Time
	keys   *keyBook
	report *VerifyReport
	ledger *ledger
	stands map[string]bool // documents that are there
}

func (v *verifier) problem(kind ProblemKind, key, format string, args ...any) {
	v.report.Problems = append(v.report.Problems, Problem{kind, key, fmt.Sprintf(format, args...)})
}

// chain reads the digests from the first to the last and enters what they list.
func (v *verifier) chain(ctx context.Context) error {
	keys, err := digestKeys(ctx, v.bucket, "")
	if err != nil {
		return err
	}
	var last *storedDigest
	for _, key := range keys {
		d, err := readDigest(ctx, v.bucket, key)
		if err != nil {
			if ctx.Err() != nil || bucket.IsRetryable(err) {
				return err
			}
			v.problem(ProblemChanged, key, "cannot be read: %v", err)
			continue
		}
		v.report.Digests++
		if !v.signed(ctx, d) {
			continue // what it lists is worth nothing; the next one does not fit the chain either
		}
		v.linked(d, last)
		v.ledger.enter(&d.body)
		v.report.Through, last = d.body.To, d
	}
	return nil
}

func (v *verifier) signed(ctx context.Context, d *storedDigest) bool {
	var body digestBody
	if err := d.doc.check(ctx, v.keys, purposeDigest, &body); err != nil {
		v.problem(ProblemSignature, d.link.Key, "%v", err)
		return false
	}
	v.signedBy(d.doc.Key)
	if want := digestKey(d.body.To); want != d.link.Key {
		v.problem(ProblemChain, d.link.Key, "holds the digest that belongs under %s", want)
	}
	return true
}

func (v *verifier) signedBy(id string) {
	for _, k := range v.report.Keys {
		if k == id {
			return
		}
	}
	v.report.Keys = append(v.report.Keys, id)
}

// linked checks that d continues last.
func (v *verifier) linked(d, last *storedDigest) {
	switch p := d.body.Previous; {
	case last == nil && p != nil:
		v.problem(ProblemChain, p.Key, "the digest before %s is missing", d.link.Key)
	case last == nil:
	case p == nil:
		v.problem(ProblemChain, d.link.Key, "begins a new chain although %s stands before it", last.link.Key)
	case p.Key != last.link.Key:
		v.problem(ProblemChain, d.link.Key, "follows %s, found %s before it", p.Key, last.link.Key)
	case p.SHA256 != last.link.SHA256 || p.Signature != last.link.Signature:
		v.problem(ProblemChain, last.link.Key, "is not the digest that %s follows", d.link.Key)
	case !d.body.From.Equal(last.body.To):
		v.problem(ProblemChain, d.link.Key, "begins at %s, the one before ends at %s",
			d.body.From.Format(time.RFC3339), last.body.To.Format(time.RFC3339))
	}
}

// documents compares what stands with what the digests list.
func (v *verifier) documents(ctx context.Context) error {
	for _, prefix := range digestedPrefixes {
		for o, err := range v.bucket.List(ctx, prefix, "") {
			if err != nil {
				return err
			}
			if err := v.document(ctx, o); err != nil && !errors.Is(err, bucket.ErrNotFound) {
				return err
			}
		}
	}
	return nil
}

func (v *verifier) document(ctx context.Context, o bucket.Object) error {
	text, err := v.bucket.GetRange(ctx, o.Key, 0, -1)
	if err != nil {
		return err
	}
	v.report.Documents++
	v.stands[o.Key] = true
	switch want, listed := v.ledger.documents[o.Key]; {
	case listed && want.SHA256 != hexSum(text):
		v.problem(ProblemChanged, o.Key, "has hash %s, the digest says %s", hexSum(text), want.SHA256)
	case listed:
	case o.Modified.Before(v.report.Through.Add(-digestOverlap)):
		v.problem(ProblemUnlisted, o.Key, "was written %s and no digest lists it", o.Modified.UTC().Format(time.RFC3339))
	default:
		v.report.Pending++
	}
	if err := v.lifting(o.Key, text); err != nil {
		v.problem(ProblemChanged, o.Key, "cannot be read: %v", err)
	}
	if !strings.HasSuffix(o.Key, receiptSuffix) {
		return nil
	}
	v.report.Receipts++
	if _, err := readReceipt(ctx, v.keys, o.Key); err != nil {
		v.problem(ProblemSignature, o.Key, "%v", err)
	}
	return nil
}

// lifting takes up which hold a document took away.
func (v *verifier) lifting(key string, text []byte) error {
	id, ok := liftedHold(key)
	if !ok {
		return nil
	}
	var l Lifting
	if err := json.Unmarshal(text, &l); err != nil {
		return err
	}
	v.report.Lifted++
	v.ledger.lifted[holdKey(id)] = l.Hold
	return nil
}

// blocks hashes every live block.
func (v *verifier) blocks(ctx context.Context) error {
	cat, err := loadCatalog(ctx, v.bucket, nil, false)
	if err != nil {
		return err
	}
	for _, bad := range cat.failed {
		var c *CommitError
		if errors.As(bad, &c) {
			v.problem(ProblemChanged, c.Key, "cannot be read: %v", c.Err)
		}
	}
	for _, f := range cat.live() {
		if err := v.block(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) block(ctx context.Context, f *File) error {
	sum, n, err := hashObject(ctx, v.bucket, f.Key)
	if errors.Is(err, bucket.ErrNotFound) {
		if v.ledger.ended(f.Key, v.now) {
			return nil // swept; its commit stays for other blocks
		}
		v.problem(ProblemMissing, f.Key, "a commit names it and it is not there")
		return nil
	}
	if err != nil {
		return err
	}
	v.report.Blocks++
	v.report.Bytes += n
	if sum != f.SHA256 {
		v.problem(ProblemChanged, f.Key, "has hash %s, its commit says %s", sum, f.SHA256)
	}
	if want, ok := v.ledger.blocks[f.Key]; ok && want.SHA256 != f.SHA256 {
		v.problem(ProblemChanged, f.Key, "its commit says hash %s, the digest %s", f.SHA256, want.SHA256)
	}
	return nil
}

// absent looks for what the digests list and nobody sees any more.
func (v *verifier) absent(context.Context) error {
	for _, key := range v.ledger.order {
		if !v.stands[key] && !v.ledger.explained(key, v.now) {
			v.problem(ProblemMissing, key, "a digest lists it, it is not there, and nothing that a digest lists explains it")
		}
	}
	return nil
}

// hashChunk is read at once: a block may be hundreds of megabytes.
const hashChunk = 8 << 20

func hashObject(ctx context.Context, b bucket.Bucket, key string) (sum string, n int64, err error) {
	o, err := b.Head(ctx, key)
	if err != nil {
		return "", 0, err
	}
	h := sha256.New()
	for n < o.Size {
		part, err := b.GetRange(ctx, key, n, hashChunk)
		if err != nil {
			return "", 0, err
		}
		if len(part) == 0 {
			return "", 0, fmt.Errorf("%s: ends at %d of %d bytes", key, n, o.Size)
		}
		h.Write(part)
		n += int64(len(part))
	}
	return hex.EncodeToString(h.Sum(nil)), n, nil
}
