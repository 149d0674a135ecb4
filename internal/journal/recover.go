package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// recover reads what the directory holds, repairs the end that a crash may have torn, and returns a committer
// that goes on behind it.
func (j *Journal) recover() (*committer, error) {
	cursors, highest, err := loadCursors(j.o.Dir, j.o.Destinations)
	if err != nil {
		return nil, err
	}
	files, err := listSegments(j.o.Dir)
	if err != nil {
		return nil, err
	}
	fresh := len(files) == 0 && highest == 0
	if j.writer, err = loadWriter(j.o.Dir, files, fresh); err != nil {
		return nil, err
	}
	for _, f := range files {
		highest = max(highest, f.seq)
		seg, err := j.recoverSegment(f)
		if err != nil {
			return nil, err
		}
		if seg != nil {
			j.closed = append(j.closed, seg)
			j.count.held += seg.size
		}
	}
	j.place(cursors, highest)
	j.clampCursors()
	if err := saveCursors(j.o.Dir, j.durable(j.cursors)); err != nil { // from now on there is one to write over
		return nil, err
	}
	j.shed()
	return &committer{j: j, seq: highest + 1, next: make(chan prepared, 1)}, nil
}

// clampCursors takes back a cursor that lies behind the end of its segment, which only happens when the disk
// lost what it had promised to hold.
func (j *Journal) clampCursors() {
	for name, c := range j.cursors {
		for _, seg := range j.closed {
			if seg.seq == c.Segment {
				c.Offset = min(c.Offset, seg.size)
				j.cursors[name] = c
			}
		}
	}
}

type segmentFile struct {
	seq  uint64
	path string
}

// listSegments returns the segment files of dir in order.
func listSegments(dir string) ([]segmentFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	var files []segmentFile
	for _, e := range entries {
		if seq, ok := segmentSeq(e.Name()); ok {
			files = append(files, segmentFile{seq, filepath.Join(dir, e.Name())})
		}
	}
	return files, nil // ReadDir sorts by name, and names are padded
}

// loadWriter returns the journal's ULID. A directory that has lost its segments and its cursors gets a new one:
// under the old one its sequence numbers would come again, and be taken for segments already stored.
func loadWriter(dir string, files []segmentFile, fresh bool) (ulid.ULID, error) {
	path := filepath.Join(dir, writerName)
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ulid.ULID{}, fmt.Errorf("journal: writer: %w", err)
	}
	if !fresh {
		if id, err := ulid.ParseStrict(strings.TrimSpace(string(b))); err == nil {
			return id, nil
		}
	}
	id := ulid.Make()
	for _, f := range files { // the file is gone or damaged: the segments still say whose they are
		if h, err := readHeader(f.path); err == nil {
			id = h.writer
			break
		}
	}
	if err := replaceFile(path, []byte(id.String()+"\n")); err != nil {
		return ulid.ULID{}, fmt.Errorf("journal: writer: %w", err)
	}
	if err := syncDir(dir); err != nil {
		return ulid.ULID{}, fmt.Errorf("journal: writer: %w", err)
	}
	return id, nil
}

func readHeader(path string) (header, error) {
	f, err := os.Open(path)
	if err != nil {
		return header{}, err
	}
	defer f.Close()
	return headerOf(f)
}

// errNoHeader says that there is nothing yet, or nothing any more, where the header should be.
var errNoHeader = fmt.Errorf("%w: it is empty", errBadHeader)

func headerOf(f io.ReaderAt) (header, error) {
	b := make([]byte, sealedHeaderSize)
	n, err := f.ReadAt(b, 0)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return header{}, err
	case allZero(b[:n]):
		return header{}, errNoHeader
	}
	return parseHeader(b[:n])
}

// recoverSegment returns what a segment file holds, nil when that is nothing.
func (j *Journal) recoverSegment(sf segmentFile) (*segment, error) {
	f, err := os.OpenFile(sf.path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("journal: segment %d: %w", sf.seq, err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("journal: segment %d: %w", sf.seq, err)
	}
	h, err := readHeader(sf.path)
	if err == nil && h.seq != sf.seq {
		err = errBadHeader
	}
	switch {
	case errors.Is(err, errBadHeader):
		return nil, j.dropHeadless(sf, f)
	case err != nil:
		return nil, err
	case h.writer != j.writer:
		return nil, fmt.Errorf("journal: segment %d belongs to writer %s, want %s: two journals are mixed in one directory", sf.seq, h.writer, j.writer)
	}
	if err := j.known(h); err != nil {
		return nil, err
	}
	if h.sealed && fi.Size() >= h.seal.size {
		return &segment{seq: sf.seq, path: sf.path, head: h.size(), size: h.seal.size, records: h.seal.records, first: time.Unix(0, h.seal.first)}, nil
	}
	return j.recoverLive(sf, f, fi, h)
}

// known refuses a segment whose key is not given: it could not be delivered, and the journal would fill behind it.
func (j *Journal) known(h header) error {
	keys, err := j.o.keys()
	if err != nil {
		return err
	}
	_, err = h.cipherOf(keys)
	return err
}

// dropHeadless removes a file whose creation was cut short, and keeps a copy of one that had content.
func (j *Journal) dropHeadless(sf segmentFile, f *os.File) error {
	empty, err := isZero(f)
	if err != nil {
		return fmt.Errorf("journal: segment %d: %w", sf.seq, err)
	}
	if !empty {
		j.count.quarantined++
		if err := quarantine(j.o.Dir, sf.path); err != nil {
			return err
		}
	}
	return os.Remove(sf.path)
}

// recoverLive finds the end of a segment that was live when its writer died, cuts off what is behind and closes it.
func (j *Journal) recoverLive(sf segmentFile, f *os.File, fi fs.FileInfo, h header) (*segment, error) {
	seg := &segment{seq: sf.seq, path: sf.path, head: h.size(), first: fi.ModTime()}
	s := newScanner(f, h.size(), 0)
	var err error
	for err == nil {
		if _, err = s.frame(); err == nil {
			seg.records++
		}
	}
	seg.size = s.off
	switch {
	case errors.Is(err, io.EOF) && !h.sealed:
	case errors.Is(err, errBadRecord) && !h.sealed && !s.damaged():
		j.count.torn++
	case errors.Is(err, io.EOF), errors.Is(err, errBadRecord): // damage, or a sealed segment that became shorter
		j.count.quarantined++
		if err := quarantine(j.o.Dir, sf.path); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("journal: segment %d: %w", sf.seq, err)
	}
	if seg.records == 0 {
		return nil, os.Remove(sf.path)
	}
	if err := writeSeal(osFile{f}, seg); err != nil {
		return nil, fmt.Errorf("journal: segment %d: %w", sf.seq, err)
	}
	return seg, nil
}

// isZero reports whether a file that has no header has nothing else either.
func isZero(f *os.File) (bool, error) {
	b := make([]byte, scanWindow)
	for off := int64(0); ; {
		n, err := f.ReadAt(b, off)
		if !allZero(b[:n]) {
			return false, nil
		}
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		off += int64(n)
	}
}
