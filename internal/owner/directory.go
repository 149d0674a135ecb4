package owner

import (
	"time"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

// Directory is what one source said last. It is immutable.
type Directory struct {
	base, delta *table // nil: nothing
	source      string
	read        time.Time
}

// Len returns the number of rows.
func (d *Directory) Len() int {
	n := 0
	for _, t := range [...]*table{d.base, d.delta} {
		if t != nil {
			n += t.rows
		}
	}
	return n
}

// index builds the index of d, reusing what former has.
func (d *Directory) index(ring *fingerprint.Ring, former *Index) *Index {
	same := former.ring == ring
	x := &Index{
		ring: ring, source: d.source,
		base:  newLayer(d.base, ring, former.base, same),
		delta: newLayer(d.delta, ring, former.delta, same),
	}
	if !d.read.IsZero() {
		x.asOf = d.read.UTC().Format(time.RFC3339)
	}
	return x
}

// whole returns the directory of a full load.
func (d *Directory) whole(t *table, read time.Time) *Directory {
	return &Directory{base: t, source: d.source, read: read}
}

// changed returns the directory after the rows of an incremental load.
func (d *Directory) changed(news *table, read time.Time) (*Directory, error) {
	out := &Directory{base: d.base, delta: d.delta, source: d.source, read: read}
	if d.base == nil {
		out.base = news
		return out, nil
	}
	delta, err := merged(d.base, d.delta, news)
	if err != nil {
		return nil, err
	}
	out.delta = delta
	return out, nil
}

// minDelta is how many changes are kept beside any directory, however small.
const minDelta = 4096

// crowded reports whether so much has changed that the next load should be a whole one: each change copies the keys
// of those before it.
func (d *Directory) crowded() bool {
	return d.delta != nil && (d.delta.rows > max(minDelta, d.base.rows/8) || len(d.delta.chunks) > maxChunks/2)
}
