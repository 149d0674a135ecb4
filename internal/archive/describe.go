package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go/bloom"

	"github.com/keytrail/keytrail/internal/event"
)

// describe fills in what the commit says of a block's rows.
func (s *segment) describe(f *File, rows []segmentRow) {
	f.Rows = int64(len(rows))
	f.Names = make(map[string]int64)
	lo, hi := int64(1<<63-1), int64(-1<<63)
	for _, r := range rows {
		e := &s.entries[r.entry]
		lo, hi = min(lo, e.time), max(hi, e.time)
		f.Names[e.name]++
		if r.primary {
			f.Events++
		}
		if r.fingerprint != "" {
			if f.MinFingerprint == "" {
				f.MinFingerprint = r.fingerprint // rows are sorted
			}
			f.MaxFingerprint = r.fingerprint
			f.Heads = addHead(f.Heads, r.fingerprint)
		}
	}
	f.MinTime, f.MaxTime = time.Unix(0, lo).UTC(), time.Unix(0, hi).UTC()
}

// addHead collects the parts before the underscore, such as kt3: they say which epochs a search must know.
func addHead(heads []string, fp string) []string {
	head, _, ok := strings.Cut(fp, "_")
	if !ok || slices.Contains(heads, head) {
		return heads
	}
	return append(heads, head)
}

// hasValues tells the encoder which bloom columns have a value in the rows, as the class keeps them.
func (s *segment) hasValues(v *view, rows []segmentRow) func(*column) bool {
	var has uint64
	for _, r := range rows {
		has |= s.entries[r.entry].has
	}
	return func(c *column) bool {
		i := slices.Index(bloomColumns, c)
		return has&(1<<i) != 0 && (c.name == colFingerprint || v.keeps(c.field()))
	}
}

// field is the name by which a class's field list speaks of the column.
func (c *column) field() string {
	if c.key != "" {
		return c.key
	}
	return c.name
}

// sample is a row kept aside while a block is written.
type sample struct {
	at          int64
	fingerprint string
	primary     bool
	record      event.Record
}

// samplesPerBlock rows, spread over the block, are compared in full.
const samplesPerBlock = 16

func sampled(i, n int) bool {
	return i == 0 || i == n-1 || i%(n/samplesPerBlock+1) == 0
}

var errLost = errors.New("row differs from what was written")

// inspect opens the finished file as a reader would, checks the number of rows, the bloom filter for every fingerprint
// and the sampled rows, and completes f with what only the file tells.
func inspect(f *File, data io.ReaderAt, samples []sample) error {
	src := &source{ctx: context.Background(), key: f.Key, size: f.Size, local: data}
	b, err := openSource(src)
	if err != nil {
		return err
	}
	if b.rows != f.Rows {
		return fmt.Errorf("want %d rows, found %d", f.Rows, b.rows)
	}
	if err := b.sections(f); err != nil {
		return err
	}
	if err := b.probeAll(f); err != nil {
		return err
	}
	d := newDecoder(b, nil)
	for _, want := range samples {
		hits, err := d.read([]run{{want.at, want.at + 1}})
		if err != nil {
			return errors.Join(err, d.close())
		}
		got := hits[0]
		if got.Fingerprint != want.fingerprint || got.Primary != want.primary || !sameRecord(&got.Record, &want.record) {
			return errors.Join(fmt.Errorf("row %d: %w", want.at, errLost), d.close())
		}
	}
	return d.close()
}

// probeAll asks the bloom filter for every fingerprint that the block itself has.
func (b *block) probeAll(f *File) (err error) {
	cur := newCursor(b.chunks[frames.fingerprint.leaf], true)
	defer func() { err = errors.Join(err, cur.close()) }()
	last := "\x00"
	for at, err := range cur.rows([]run{{0, b.rows}}) {
		if err != nil {
			return fmt.Errorf("row %d: %w", at, err)
		}
		v, err := cur.next()
		if err != nil {
			return fmt.Errorf("row %d: %w", at, err)
		}
		if string(v.ByteArray()) == last {
			continue
		}
		last = string(v.ByteArray())
		ok, err := f.mayHold(b.src, colFingerprint, last)
		if err != nil {
			return fmt.Errorf("bloom filter: %w", err)
		}
		if !ok {
			return fmt.Errorf("bloom filter does not know fingerprint %q", last)
		}
	}
	return nil
}

// sections notes where footer, indexes and bloom filters stand.
func (b *block) sections(f *File) error {
	f.IndexOffset = b.meta.Columns[0].ColumnIndexOffset
	tail, err := b.src.get(f.IndexOffset, f.Size-f.IndexOffset)
	if err != nil {
		return err
	}
	f.FooterLength = int64(binary.LittleEndian.Uint32(tail[len(tail)-8:]))
	f.IndexSHA256 = hexSum(tail)
	f.Blooms = make(map[string]Bloom)
	for _, c := range bloomColumns {
		md := b.columns[c.leaf]
		if md == nil || md.BloomFilterOffset == 0 {
			continue
		}
		filter := b.chunks[c.leaf].BloomFilter()
		if filter == nil || filter.Size() == 0 || filter.Size()%bloom.BlockSize != 0 {
			return fmt.Errorf("bloom filter of column %s has no blocks", c.name)
		}
		end := md.BloomFilterOffset + int64(md.BloomFilterLength)
		f.Blooms[c.name] = Bloom{Offset: end - filter.Size(), Length: filter.Size()}
	}
	return nil
}

// mayHold probes the bloom filter of a column: one read of 32 bytes. A column without a filter holds no value.
func (f *File) mayHold(src *source, column, value string) (bool, error) {
	b, ok := f.Blooms[column]
	if !ok {
		return false, nil
	}
	if b.Length <= 0 || b.Length%bloom.BlockSize != 0 || b.Offset < 0 || b.Offset+b.Length > f.Size {
		return false, fmt.Errorf("bloom filter of %s: offset %d and length %d do not fit the file", column, b.Offset, b.Length)
	}
	return bloom.CheckSplitBlock(&shifted{src, b.Offset}, b.Length, bloom.XXH64{}.Sum64([]byte(value)))
}

// shifted is a part of a source as an io.ReaderAt of its own.
type shifted struct {
	src *source
	off int64
}

func (s *shifted) ReadAt(b []byte, off int64) (int, error) { return s.src.ReadAt(b, s.off+off) }

// sameRecord compares what a block keeps: everything but the order of attributes.
func sameRecord(a, b *event.Record) bool {
	return a.Time == b.Time && a.Observed == b.Observed && a.Name == b.Name && a.Severity == b.Severity &&
		a.TraceID == b.TraceID && a.SpanID == b.SpanID && a.Scope == b.Scope &&
		sameAttrs(a.Resource, b.Resource) && sameAttrs(a.Attrs, b.Attrs)
}

func sameAttrs(a, b event.Attrs) bool {
	return slices.EqualFunc(sortedAttrs(a), sortedAttrs(b), func(x, y event.Attr) bool {
		return x.Key == y.Key && bytes.Equal(x.Value.AppendJSON(nil), y.Value.AppendJSON(nil))
	})
}

func sortedAttrs(a event.Attrs) event.Attrs {
	a = slices.Clone(a)
	slices.SortStableFunc(a, func(x, y event.Attr) int { return strings.Compare(x.Key, y.Key) })
	return a
}
