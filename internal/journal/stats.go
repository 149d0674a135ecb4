package journal

import "time"

// counters are what the journal counts, under its mutex.
type counters struct {
	records, bytes, syncs int64
	full                  int64
	torn, quarantined     int64
	held                  int64 // bytes of the closed segments
	skipped               map[string]int64
	failed                bool // the disk failed: the live segment must not be touched
}

func (c *counters) skip(destination string, records int64) {
	if c.skipped == nil {
		c.skipped = make(map[string]int64)
	}
	c.skipped[destination] += records
}

// Stats is a journal at one moment. The counts start with the process.
type Stats struct {
	Records, Bytes, Syncs int64 // made durable
	Full                  int64 // appends refused because MaxSize was reached
	TornTails             int64 // unfinished writes cut off by Open
	Quarantined           int64 // segments with a damaged record

	Held         int64 // bytes of records on disk now
	Segments     int   // closed segments on disk now
	Failed       bool  // the disk failed and the journal refuses until it is opened anew
	Destinations map[string]Pending
}

// Pending is what one destination has still to deliver, the live segment included.
type Pending struct {
	Records, Bytes int64     // records count whole segments
	Oldest         time.Time // when the first of it came, zero when nothing is pending
	Skipped        int64     // records a destination that is not required was taken past
}

// Stats returns the journal's counts.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := Stats{
		Records: j.count.records, Bytes: j.count.bytes, Syncs: j.count.syncs,
		Full: j.count.full, TornTails: j.count.torn, Quarantined: j.count.quarantined,
		Held: j.size(), Segments: len(j.closed), Failed: j.count.failed,
		Destinations: make(map[string]Pending, len(j.o.Destinations)),
	}
	for _, d := range j.o.Destinations {
		s.Destinations[d.Name] = j.pending(d.Name)
	}
	return s
}

func (j *Journal) pending(destination string) Pending {
	p := Pending{Skipped: j.count.skipped[destination]}
	at := j.cursors[destination]
	add := func(seg *segment) {
		if seg.records == 0 || at.passed(seg) {
			return
		}
		p.Records += seg.records
		p.Bytes += seg.size - seg.head
		if at.Segment == seg.seq {
			p.Bytes -= max(at.Offset-seg.head, 0)
		}
		if p.Oldest.IsZero() || seg.first.Before(p.Oldest) {
			p.Oldest = seg.first
		}
	}
	for _, seg := range j.closed {
		add(seg)
	}
	if j.live != nil {
		add(j.live)
	}
	return p
}
