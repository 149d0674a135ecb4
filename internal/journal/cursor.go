package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// cursor says that everything before an offset of a segment, and every segment before it, has been delivered.
type cursor struct {
	Segment uint64 `json:"segment"`
	Offset  int64  `json:"offset"`
}

func (c cursor) passed(seg *segment) bool {
	return c.Segment > seg.seq || c.Segment == seg.seq && c.Offset >= seg.size
}

func (c cursor) before(d cursor) bool {
	return c.Segment < d.Segment || c.Segment == d.Segment && c.Offset < d.Offset
}

const cursorsVersion = 1

type cursorsFile struct {
	Version int               `json:"version"`
	Cursors map[string]cursor `json:"cursors"`
}

// loadCursors reads the cursors of those configured destinations that have one, and the highest segment any cursor has seen. A
// file that cannot be read costs deliveries twice, never a record: everybody starts at the oldest segment.
func loadCursors(dir string, destinations []Destination) (cursors map[string]cursor, highest uint64, err error) {
	cursors = make(map[string]cursor, len(destinations))
	b, err := os.ReadFile(filepath.Join(dir, cursorsName))
	if errors.Is(err, fs.ErrNotExist) {
		return cursors, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("journal: cursors: %w", err)
	}
	var f cursorsFile
	if !json.Valid(b) {
		return cursors, 0, nil
	}
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, 0, fmt.Errorf("journal: cursors: %w", err)
	}
	if f.Version != cursorsVersion {
		return nil, 0, fmt.Errorf("journal: cursors version %d is not known, want %d", f.Version, cursorsVersion)
	}
	for name, c := range f.Cursors {
		highest = max(highest, c.Segment)
		if slices.ContainsFunc(destinations, func(d Destination) bool { return d.Name == name }) {
			cursors[name] = c
		}
	}
	return cursors, highest, nil
}

// cursorsRoom is what the cursor file is padded to, so that any content fits into the room of the one before.
const cursorsRoom = 4096

// saveCursors replaces the cursor file. On a full disk, where there is no room for a second one, it writes over the
// one that is there: without that no segment could ever go, and the disk would stay full. A crash in the middle of
// that write costs what loadCursors says.
func saveCursors(dir string, cursors map[string]cursor) error {
	b, err := json.Marshal(cursorsFile{cursorsVersion, cursors})
	if err != nil {
		return err
	}
	b = append(append(b, bytes.Repeat([]byte{' '}, max(0, cursorsRoom-1-len(b)))...), '\n')
	path := filepath.Join(dir, cursorsName)
	err = replaceFile(path, b)
	if errors.Is(err, syscall.ENOSPC) {
		err = overwriteFile(path, b)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("journal: cursors: %w", err)
	}
	return nil
}

// Commit says, durably, that destination has everything of segment seq and before. Segments that every
// destination has passed are removed.
func (j *Journal) Commit(destination string, seq uint64) error {
	return j.advance(destination, seq, func(seg *segment) int64 { return seg.size })
}

// Advance is Commit for a part of a segment: everything before offset, as Segment.Offset gave it, is delivered.
func (j *Journal) Advance(destination string, seq uint64, offset int64) error {
	return j.advance(destination, seq, func(*segment) int64 { return offset })
}

func (j *Journal) advance(destination string, seq uint64, offset func(*segment) int64) error {
	j.cursorFile.Lock()
	defer j.cursorFile.Unlock()
	moved, err := j.moved(destination, seq, offset)
	if err != nil || moved == nil {
		return err
	}
	if err := saveCursors(j.o.Dir, j.durable(moved)); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	c := moved[destination]
	if j.cursors[destination].before(c) { // shed may have moved it further
		j.cursors[destination] = c
	}
	j.shed()
	return nil
}

// moved returns the cursors as they would be, nil when nothing moves.
func (j *Journal) moved(destination string, seq uint64, offset func(*segment) int64) (map[string]cursor, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.shut {
		return nil, ErrClosed
	}
	at, ok := j.cursors[destination]
	if !ok {
		return nil, fmt.Errorf("journal: destination %q is not configured", destination)
	}
	i := slices.IndexFunc(j.closed, func(s *segment) bool { return s.seq == seq })
	if i < 0 {
		if at.Segment >= seq {
			return nil, nil
		}
		return nil, fmt.Errorf("journal: segment %d is not closed", seq)
	}
	to := cursor{Segment: seq, Offset: offset(j.closed[i])}
	if to.Offset > j.closed[i].size {
		return nil, fmt.Errorf("journal: offset %d lies behind the end %d of segment %d", to.Offset, j.closed[i].size, seq)
	}
	if !at.before(to) {
		return nil, nil
	}
	moved := maps.Clone(j.cursors)
	moved[destination] = to
	return moved, nil
}

// shed moves the cursors of destinations that are not required off the oldest segments while the journal is more
// than half full, as far as the required ones have come, and removes what everybody has passed. The caller
// holds mu. A cursor moved here need not be durable: a missing segment is passed as well.
func (j *Journal) shed() {
	for len(j.closed) > 0 {
		seg := j.closed[0]
		if !j.passedBy(seg, true) {
			return
		}
		if !j.passedBy(seg, false) {
			if j.size() <= j.o.MaxSize/2 {
				return
			}
			j.skip(seg)
		}
		j.closed = slices.Delete(j.closed, 0, 1)
		j.count.held -= seg.size
		_ = os.Remove(seg.path) // what cannot be removed now is removed by the next Open
	}
}

// passedBy reports whether all destinations, or all that are required, have passed seg.
func (j *Journal) passedBy(seg *segment, required bool) bool {
	for _, d := range j.o.Destinations {
		if (d.Required || !required) && !j.cursors[d.Name].passed(seg) {
			return false
		}
	}
	return true
}

// skip takes the destinations that have not passed seg past it, and counts what they miss.
func (j *Journal) skip(seg *segment) {
	for _, d := range j.o.Destinations {
		if !j.cursors[d.Name].passed(seg) {
			j.widen(d.Name, seg.seq)
			j.cursors[d.Name] = cursor{Segment: seg.seq, Offset: seg.size}
			j.count.skip(d.Name, seg.records)
		}
	}
}
