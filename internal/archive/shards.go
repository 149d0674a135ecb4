package archive

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"os"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

const (
	// shardRows end a merged block at the next change of fingerprint. Its indexes, which every search of one of its
	// tokens reads, are about 100 KB then, and its columns so short that pages of several come in one request; an erasure
	// rewrites no more than it must. Blocks of one day do not overlap, so that a token's search opens one of them however
	// many there are; only a search by another id asks the bloom filter of each.
	shardRows = 100_000
	// hotRows end it in the midst of a fingerprint: one token may make any number of requests, a block has one index.
	hotRows = 5 * shardRows
	// pagesInMemory is the size of the inputs up to which a merge holds its output in memory.
	pagesInMemory = 16 << 20
	// sampleEvery rows one is kept to compare in full.
	sampleEvery = shardRows / samplesPerBlock
)

// shards writes rows, given in order, as blocks of ranges of fingerprints.
type shards struct {
	ctx    context.Context
	merger *merger
	unit   unit
	class  Class
	hash   string // of the class document
	level  int
	run    string
	has    func(*column) bool
	limit  int64 // rows of a block
	bytes  int64 // of the inputs
	open   *shard
	files  []File
}

// shard is one block in the making.
type shard struct {
	file    File
	out     *os.File
	buffer  *bufio.Writer
	encoder *encoder
	order   hash.Hash64 // of every row's identity
	samples []sample
	last    string // fingerprint
}

func newShards(ctx context.Context, m *merger, u unit, class Class, level int, inputs []*File) *shards {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	size := int64(0)
	for _, f := range inputs {
		size += f.Size
	}
	return &shards{
		ctx: ctx, merger: m, unit: u, class: class, hash: inputs[0].ClassHash, level: level, run: hex.EncodeToString(id[:]), limit: shardRows, bytes: size,
		has: func(c *column) bool {
			for _, f := range inputs {
				if _, ok := f.Blooms[c.name]; ok {
					return true
				}
			}
			return false
		},
	}
}

func (s *shards) add(h *Hit) error {
	if o := s.open; o != nil && (o.file.Rows >= s.limit && h.Fingerprint != o.last || o.file.Rows >= hotRows) {
		if err := s.cut(); err != nil {
			return err
		}
	}
	if s.open == nil {
		if err := s.begin(); err != nil {
			return err
		}
	}
	return s.open.add(h)
}

func (s *shards) begin() error {
	out, err := os.CreateTemp(s.merger.staging, "keytrail-out-*") // mode 0600
	if err != nil {
		return err
	}
	buffer := bufio.NewWriterSize(out, 1<<20)
	s.open = &shard{
		out: out, buffer: buffer, order: fnv.New64a(),
		encoder: newEncoder(buffer, s.pages(), s.has),
		file: File{
			Class: s.class.Name, ClassHash: s.hash, Day: s.unit.day, Level: s.level,
			Written: s.merger.now().UTC(), Names: make(map[string]int64),
		},
	}
	return nil
}

// pages is where the pages of a block wait for its end: in memory where they are few, since in the staging directory
// each column is a file.
func (s *shards) pages() parquet.BufferPool {
	if s.bytes <= pagesInMemory {
		return parquet.NewBufferPool()
	}
	return parquet.NewFileBufferPool(cmp.Or(s.merger.staging, os.TempDir()), "keytrail-pages-*")
}

func (o *shard) add(h *Hit) error {
	if err := o.encoder.add(row{h.Fingerprint, h.Primary, &h.Record}); err != nil {
		return err
	}
	if o.file.Rows%sampleEvery == 0 {
		o.samples = append(o.samples, sample{o.file.Rows, h.Fingerprint, h.Primary, h.Record.Clone()})
	}
	o.last = h.Fingerprint
	o.file.take(h.Fingerprint, h.Primary, h.Record.Time, h.Record.Name)
	identify(o.order, h)
	return nil
}

// take counts a row, given in order, into what the commit says of its block.
func (f *File) take(fingerprint string, primary bool, nanos int64, name string) {
	at := time.Unix(0, nanos).UTC()
	if f.Rows == 0 || at.Before(f.MinTime) {
		f.MinTime = at
	}
	if f.Rows == 0 || at.After(f.MaxTime) {
		f.MaxTime = at
	}
	f.Rows++
	f.Names[name]++
	if primary {
		f.Events++
	}
	if fingerprint == "" {
		f.Anonymous = true
		return
	}
	if f.MinFingerprint == "" {
		f.MinFingerprint = fingerprint
	}
	if f.MaxFingerprint != fingerprint {
		f.MaxFingerprint = fingerprint
		f.Heads = addHead(f.Heads, fingerprint)
	}
}

func identify(w io.Writer, h *Hit) {
	fmt.Fprintf(w, "%s %d %s %t\n", h.Fingerprint, h.Record.Time, h.eventID(), h.Primary)
}

// cut completes the open block's file. It is put when the whole merge has come to its end.
func (s *shards) cut() error {
	o := s.open
	if err := errors.Join(o.encoder.finish(), o.buffer.Flush()); err != nil {
		return err
	}
	f := &o.file
	size, err := o.out.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(o.out, 0, size)); err != nil {
		return err
	}
	f.Size, f.SHA256 = size, hex.EncodeToString(sum.Sum(nil))
	f.Key = mergedKey(s.unit, s.level, s.run, len(s.files), f.SHA256)
	if err := o.prove(); err != nil {
		return fmt.Errorf("merged block does not read back: %w", err)
	}
	s.files = append(s.files, *f)
	return s.put()
}

// prove reads the finished file as a reader would: every row's identity in its order, every fingerprint in the bloom
// filter, the samples in full.
func (o *shard) prove() error {
	if err := inspect(&o.file, o.out, o.samples); err != nil {
		return err
	}
	b, err := openSource(&source{ctx: context.Background(), key: o.file.Key, size: o.file.Size, local: o.out})
	if err != nil {
		return err
	}
	d := newDecoder(b, map[string]bool{})
	order := fnv.New64a()
	for at := int64(0); at < b.rows; at += mergeRows {
		hits, err := d.readSafely([]run{{at, min(at+mergeRows, b.rows)}})
		if err != nil {
			return errors.Join(err, d.close())
		}
		for i := range hits {
			identify(order, &hits[i])
		}
	}
	if order.Sum64() != o.order.Sum64() {
		return errors.Join(errLost, d.close())
	}
	return d.close()
}

func (s *shards) put() error {
	f := &s.open.file
	d, err := f.day()
	if err != nil {
		return err
	}
	err = s.merger.bucket.Put(s.ctx, f.Key, io.NewSectionReader(s.open.out, 0, f.Size), f.Size,
		bucket.PutOptions{IfAbsent: true, Lock: s.class.lockOf(s.level, d, s.merger.now())})
	return errors.Join(err, s.close())
}

// finish returns the blocks, all of them put.
func (s *shards) finish() ([]File, error) {
	if s.open != nil {
		if err := s.cut(); err != nil {
			return nil, err
		}
	}
	return s.files, nil
}

func (s *shards) close() error {
	if s.open == nil {
		return nil
	}
	o := s.open
	s.open = nil
	return discard(o.out)
}
