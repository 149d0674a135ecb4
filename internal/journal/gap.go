package journal

import (
	"maps"
	"math"
)

// Gap is a run of segments that a destination was taken past when the journal was half full. They are gone from the
// journal; what they held stands where the required destinations put it.
type Gap struct{ From, To uint64 } // sequence numbers, both inclusive

// Gap returns what destination has still to make up for, and whether there is anything. It outlives the process: a
// cursor on the disk stays before the gap until Fill has moved it.
func (j *Journal) Gap(destination string) (Gap, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	g, ok := j.gaps[destination]
	return g, ok
}

// Fill says, durably, that destination has got everything of its gap up to segment seq from elsewhere.
func (j *Journal) Fill(destination string, seq uint64) error {
	j.cursorFile.Lock()
	defer j.cursorFile.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.shut {
		return ErrClosed
	}
	g, ok := j.gaps[destination]
	if !ok || seq < g.From {
		return nil
	}
	before := maps.Clone(j.gaps)
	if seq >= g.To {
		delete(j.gaps, destination)
	} else {
		g.From = seq + 1
		j.gaps[destination] = g
	}
	if err := saveCursors(j.o.Dir, j.durableLocked(j.cursors)); err != nil {
		j.gaps = before
		return err
	}
	return nil
}

// widen adds a segment to the gap of a destination. The caller holds mu.
func (j *Journal) widen(destination string, seq uint64) {
	if j.gaps == nil {
		j.gaps = make(map[string]Gap)
	}
	g, ok := j.gaps[destination]
	if !ok {
		g.From = seq
	}
	g.To = seq
	j.gaps[destination] = g
}

// durable returns the cursors as they are kept on the disk: before the gap of a destination that has one, for what
// follows it is not all there is to be delivered.
func (j *Journal) durable(cursors map[string]cursor) map[string]cursor {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.durableLocked(cursors)
}

func (j *Journal) durableLocked(cursors map[string]cursor) map[string]cursor {
	kept := maps.Clone(cursors)
	for name, c := range kept {
		if j.whole(c) {
			c.Offset = math.MaxInt64 // the segment may be gone when this is read, and its size with it
			kept[name] = c
		}
	}
	for name, g := range j.gaps {
		if _, ok := kept[name]; ok && g.From > 0 {
			kept[name] = cursor{Segment: g.From - 1, Offset: math.MaxInt64}
		}
	}
	return kept
}

// whole reports whether everything of the cursor's segment is before it. The caller holds mu.
func (j *Journal) whole(c cursor) bool {
	for _, seg := range j.closed {
		if seg.seq == c.Segment {
			return c.Offset >= seg.size
		}
	}
	return c.Segment > 0 && (j.live == nil || j.live.seq != c.Segment)
}

// place takes up the cursors that were kept. Segments between a cursor and what is left in the journal are its
// destination's gap; a destination that never had a cursor begins with what is there.
func (j *Journal) place(kept map[string]cursor, highest uint64) {
	j.cursors = make(map[string]cursor, len(j.o.Destinations))
	for _, d := range j.o.Destinations {
		c, known := kept[d.Name]
		if !known || d.Required {
			j.cursors[d.Name] = c
			continue
		}
		last := highest // of what is gone
		if len(j.closed) > 0 {
			last = j.closed[0].seq - 1
		}
		from := c.Segment
		if c.Offset == math.MaxInt64 {
			from++
		}
		if from > last {
			j.cursors[d.Name] = c
			continue
		}
		if j.gaps == nil {
			j.gaps = make(map[string]Gap)
		}
		j.gaps[d.Name] = Gap{from, last}
		j.cursors[d.Name] = cursor{Segment: last, Offset: math.MaxInt64}
	}
}
