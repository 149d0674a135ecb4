package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/keytrail/keytrail/internal/event"
)

// mergeRows of an input are decoded at once.
const mergeRows = 256

// stagePart is what a block is fetched by: large enough to cost few requests, small enough to hold.
const stagePart = 8 << 20

// inflow is one block that is read from its first row to its last.
type inflow struct {
	block   *block
	file    *File
	staged  *os.File
	decoder *decoder
	row     int64 // the next one to decode
	hits    []Hit
	at      int
}

// open brings a block into the staging directory and proves its hash: a damaged block must not become a sound one.
func (m *merger) open(ctx context.Context, f *File) (in *inflow, err error) {
	staged, err := m.stage(ctx, f)
	if err != nil {
		return nil, &BlockError{f.Key, err}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, discard(staged))
		}
	}()
	b, err := openSource(&source{ctx: ctx, key: f.Key, size: f.Size, local: staged})
	if err == nil && (b.rows != f.Rows || b.rows == 0) {
		err = fmt.Errorf("want %d rows, found %d", f.Rows, b.rows)
	}
	if err != nil {
		return nil, &BlockError{f.Key, err}
	}
	in = &inflow{block: b, file: f, staged: staged, decoder: newDecoder(b, nil)}
	if err := in.decode(); err != nil {
		return nil, errors.Join(err, in.decoder.close())
	}
	return in, nil
}

func (m *merger) stage(ctx context.Context, f *File) (_ *os.File, err error) {
	staged, err := os.CreateTemp(m.staging, "keytrail-in-*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, discard(staged))
		}
	}()
	sum := sha256.New()
	for off := int64(0); off < f.Size; off += stagePart {
		part, err := m.bucket.GetRange(ctx, f.Key, off, min(stagePart, f.Size-off))
		if err != nil {
			return nil, err
		}
		sum.Write(part)
		if _, err := staged.Write(part); err != nil {
			return nil, err
		}
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != f.SHA256 {
		return nil, fmt.Errorf("bytes have hash %s, the commit says %s", got, f.SHA256)
	}
	return staged, nil
}

func discard(f *os.File) error { return errors.Join(f.Close(), os.Remove(f.Name())) }

func (in *inflow) head() *Hit { return &in.hits[in.at] }

// advance moves to the next row and reports whether there is none.
func (in *inflow) advance() (done bool, err error) {
	if in.at++; in.at < len(in.hits) {
		return false, nil
	}
	if in.row == in.block.rows {
		return true, nil
	}
	return false, in.decode()
}

func (in *inflow) decode() (err error) {
	to := min(in.row+mergeRows, in.block.rows)
	if in.hits, err = in.decoder.readSafely([]run{{in.row, to}}); err != nil {
		return &BlockError{in.file.Key, err}
	}
	in.row, in.at = to, 0
	return nil
}

func (in *inflow) close() error { return errors.Join(in.decoder.close(), discard(in.staged)) }

func (h *Hit) eventID() string { return stringAttr(&h.Record, event.KeyEventID) }
