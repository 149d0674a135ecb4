package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	"github.com/keytrail/keytrail/internal/seal"
)

// Entry is one record of a journal as Tail reads it.
type Entry struct {
	Writer  string // with Seq, what a block written from the segment is committed under
	Seq     uint64
	Payload []byte // valid until the next entry
}

// Tail reads every record of the journal in dir, oldest first, while another process may write it: no lock is
// taken and nothing is changed. It ends at the first record of the live segment that is not whole yet; what it
// gives has no gap. A segment that is gone when its turn comes has been passed by every destination; so whoever
// reads the blocks too reads the journal first, or finds such a segment in neither. What cannot be read is given
// as an error, and the rest follows. A directory without a journal holds nothing. Sealed segments need their keys;
// one whose key is not given is such an error, and wraps ErrNoKey.
func Tail(dir string, keys ...*seal.Key) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		files, err := listSegments(dir)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				yield(Entry{}, err)
			}
			return
		}
		t := tailer{keys: keys, yield: yield}
		defer t.close()
		for _, sf := range files {
			if !t.segment(sf) {
				return
			}
		}
	}
}

type tailer struct {
	keys  seal.Keys
	yield func(Entry, error) bool
	open  *tailed // the segment that was live when it was read, while nothing behind it had a record
}

// tailed is one segment being read.
type tailed struct {
	f       *os.File
	scanner *scanner
	entry   Entry
	head    int64 // where the records begin
	keyless error // why they cannot be opened
}

func (t *tailer) close() {
	if t.open != nil {
		_ = t.open.f.Close()
		t.open = nil
	}
}

// segment gives the records of one file and reports whether to go on.
func (t *tailer) segment(sf segmentFile) bool {
	s, err := openTailed(sf, t.keys)
	if err != nil {
		return t.yield(Entry{Seq: sf.seq}, fmt.Errorf("journal: segment %d: %w", sf.seq, err))
	}
	if s == nil {
		return true
	}
	_, err = s.scanner.frame()
	s.scanner.off = s.head
	if errors.Is(err, io.EOF) {
		_ = s.f.Close()
		return true // prepared, not used yet
	}
	// A segment gets its first record when the one before is complete: what came to that one meanwhile goes first.
	if t.open != nil {
		t.open.scanner.forget()
		if !t.read(t.open) {
			_ = s.f.Close()
			return false
		}
		t.close()
	}
	if s.keyless != nil {
		_ = s.f.Close()
		return t.yield(s.entry, s.keyless)
	}
	t.open = s
	return t.read(s)
}

// openTailed opens a segment, nil if it is gone or just being created.
func openTailed(sf segmentFile, keys seal.Keys) (*tailed, error) {
	f, err := os.Open(sf.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	h, err := headerOf(f)
	if err != nil {
		_ = f.Close()
		if errors.Is(err, errNoHeader) {
			return nil, nil
		}
		return nil, err
	}
	var end int64
	if h.sealed {
		end = h.seal.size
	}
	s := &tailed{f: f, scanner: newScanner(f, h.size(), end), head: h.size(), entry: Entry{Writer: h.writer.String(), Seq: sf.seq}}
	s.scanner.cipher, s.keyless = h.cipherOf(keys)
	return s, nil
}

func (t *tailer) read(s *tailed) bool {
	for {
		payload, err := s.scanner.next()
		e := s.entry
		switch {
		case err == nil:
			e.Payload = payload
			if !t.yield(e, nil) {
				return false
			}
		case errors.Is(err, io.EOF), errors.Is(err, errBadRecord) && !s.scanner.damaged():
			return true
		default:
			t.close() // it has said all it can
			return t.yield(e, fmt.Errorf("journal: segment %d at offset %d: %w", e.Seq, s.scanner.off, err))
		}
	}
}
