package archive

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

const receiptVersion = 1

// Receipt is what an erasure leaves behind for whoever asks whether it was done: no name, the same salted hash as its
// tombstone.
type Receipt struct {
	Version    int           `json:"version"`
	ID         string        `json:"id"`
	Kind       SubjectKind   `json:"kind"`
	Subject    string        `json:"subject_sha256"`
	Until      time.Time     `json:"until"`
	Started    time.Time     `json:"started"`
	By         string        `json:"by,omitempty"`
	Reason     string        `json:"reason,omitempty"`
	Blocks     []string      `json:"blocks"`                // the keys that were rewritten and deleted
	Rows       int64         `json:"rows"`                  // erased
	RowsOthers int64         `json:"rows_others,omitempty"` // of earlier erasures, which a hold had kept and nothing does now
	RowsKept   int64         `json:"rows_kept"`             // of the others in those blocks, counted in the new ones
	Bytes      int64         `json:"bytes"`                 // size of the old blocks
	BytesNew   int64         `json:"bytes_new"`             // size of the new ones
	RowsLeft   int64         `json:"rows_left"`             // found by the search afterwards, beside what stays
	Looked     *time.Time    `json:"looked,omitempty"`      // when that search began
	Alias      AliasFate     `json:"alias"`                 // the owner's pseudonym
	Stays      []Remainder   `json:"stays"`                 // and why
	Copies     []CopyRequest `json:"copies,omitempty"`      // requests to delete elsewhere
	Continues  []string      `json:"continues"`             // erasures of the same subject that did not end, and this one did for them
}

// elsewhere is what an erasure of the archive cannot reach, and whoever answers for it must know.
var elsewhere = []Remainder{
	{Why: StaysMetadata, What: "commits of the old blocks name the lowest and highest fingerprint of a block until a sweep removes them"},
	{Why: StaysMetadata, What: "blocks that a writer or compactor under way has not committed: no search sees them, and a sweep removes them within two days"},
	{Why: StaysElsewhere, What: "journals: matching records are left out when their blocks are made, and removed with their segments"},
	{Why: StaysElsewhere, What: "loki: it was not asked to delete its copy; --loki does"},
	{Why: StaysElsewhere, What: "backups and replicas of the bucket, and other systems the collector sends to"},
}

// lokiStays is the entry of elsewhere that is settled by asking.
const lokiStays = 3

// outOfReach is what stays elsewhere when the copies were asked.
func outOfReach(copies []Copy) []Remainder {
	if len(copies) == 0 {
		return elsewhere
	}
	return slices.Delete(slices.Clone(elsewhere), lokiStays, lokiStays+1)
}

// sign writes the receipt, and one like it for every earlier erasure of the same subject that was cut off.
func (e *erasure) sign(ctx context.Context) error {
	unfinished, err := unfinishedErasures(ctx, e.bucket)
	if err != nil {
		return err
	}
	r := e.receipt()
	for _, t := range unfinished {
		if t.ID != e.stone.ID && t.Kind == e.subject.kind && t.names(e.subject.value) && !t.Until.After(e.stone.Until) {
			r.Continues = append(r.Continues, t.ID)
		}
	}
	for _, id := range r.Continues {
		old := r
		old.ID, old.Subject = id, subjectHash(id, e.subject.kind, e.subject.value)
		if _, err := e.opts.Signer.put(ctx, e.bucket, receiptKey(id), purposeReceipt, old); err != nil {
			return fmt.Errorf("receipt: %w", err)
		}
	}
	if _, err := e.opts.Signer.put(ctx, e.bucket, receiptKey(e.stone.ID), purposeReceipt, r); err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	e.report.Receipt = receiptKey(e.stone.ID)
	return nil
}

func (e *erasure) receipt() Receipt {
	r := Receipt{
		Version: receiptVersion, ID: e.stone.ID, Kind: e.stone.Kind, Subject: e.stone.Subject, Until: e.stone.Until,
		Started: e.stone.Created, By: e.stone.By, Reason: e.stone.Reason, Blocks: []string{},
		Rows: e.report.Rewritten.Dropped - e.report.Others, RowsOthers: e.report.Others, RowsKept: e.report.Rewritten.RowsOut, Bytes: e.report.Rewritten.BytesIn,
		BytesNew: e.report.Rewritten.BytesOut, RowsLeft: e.report.Left, Looked: &e.looked, Alias: e.report.Alias,
		Stays: e.report.Stays, Copies: e.report.Copies, Continues: []string{},
	}
	for _, t := range e.report.Touched {
		r.Blocks = append(r.Blocks, t.Key)
	}
	return r
}

// unfinishedErasures returns the tombstones without a receipt.
func unfinishedErasures(ctx context.Context, b bucket.Bucket) ([]*Tombstone, error) {
	done := make(map[string]bool)
	for o, err := range b.List(ctx, erasePrefix, "") {
		if err != nil {
			return nil, err
		}
		if id, ok := strings.CutSuffix(strings.TrimPrefix(o.Key, erasePrefix), receiptSuffix); ok {
			done[id] = true
		}
	}
	stones, err := Tombstones(ctx, b)
	var open []*Tombstone
	for _, t := range stones {
		if !done[t.ID] {
			open = append(open, t)
		}
	}
	return open, err
}

// ReadReceipt reads the receipt of an erasure and checks its signature, with the given keys or, without any, with those
// that the archive names.
func ReadReceipt(ctx context.Context, b bucket.Bucket, id string, trusted ...PublicKey) (Receipt, error) {
	return readReceipt(ctx, &keyBook{bucket: b, pinned: trusted}, receiptKey(id))
}

func readReceipt(ctx context.Context, keys *keyBook, key string) (Receipt, error) {
	var doc signedDocument
	var r Receipt
	err := getDocument(ctx, keys.bucket, key, &doc)
	if err == nil {
		err = doc.check(ctx, keys, purposeReceipt, &r)
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("%s: %w", key, err)
	}
	return r, nil
}
