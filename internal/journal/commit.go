package journal

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

// committer is the goroutine that owns the live segment's file.
type committer struct {
	j   *Journal
	out *output // nil until the next segment is ready

	seq       uint64        // of the next segment to be prepared
	next      chan prepared // gives the segment that is being prepared
	preparing bool
	age       *time.Timer // runs out when the live segment is old enough to close

	crowd  int           // how many appends the last groups held
	synced time.Duration // how long the last sync took
	spare  []byte        // buffer of the group before
	sealed []byte        // what the last group was sealed into
}

// output is a segment being written.
type output struct {
	seg    *segment
	f      file
	cipher *segmentCipher // nil where records are plain
}

type prepared struct {
	out *output
	err error
}

func (c *committer) run() {
	j := c.j
	defer close(j.done)
	c.age = time.NewTimer(time.Hour)
	c.age.Stop()
	c.prepare()
	for {
		select {
		case <-j.wake:
			c.gather()
			c.commit()
		case <-c.age.C:
			c.roll()
		case reply := <-j.rotate:
			c.commit()
			c.roll()
			close(reply)
		case <-j.stop:
			c.commit()
			c.roll()
			c.discard()
			return
		}
	}
}

// gather lets the senders that the last sync woke come back before the next write: without it every other group
// would hold only the first of them, and each would wait for two syncs. It costs at most an eighth of a sync.
func (c *committer) gather() {
	if c.crowd < 2 {
		return
	}
	until := time.Now().Add(c.synced / 8)
	for {
		c.j.mu.Lock()
		come := c.j.group.appends
		c.j.mu.Unlock()
		if come >= c.crowd || time.Now().After(until) {
			return
		}
		runtime.Gosched()
	}
}

// commit writes the waiting group and tells its senders what became of it.
func (c *committer) commit() {
	j := c.j
	j.mu.Lock()
	g := j.group
	if g.records == 0 {
		j.mu.Unlock()
		return
	}
	j.group = newGroup(c.spare)
	j.inflight = g.size
	close(g.taken)
	j.mu.Unlock()

	g.err = c.write(g)
	c.crowd = max(g.appends, c.crowd*3/4)
	c.spare = nil
	if cap(g.buf) <= maxGroup {
		c.spare = g.buf[:0]
	}
	close(g.done)
}

// write makes g durable in the live segment.
func (c *committer) write(g *group) error {
	defer c.landed()
	if err := c.room(g.size); err != nil {
		return err
	}
	seg := c.out.seg
	if _, err := c.out.f.WriteAt(c.bytes(g), seg.size); err != nil {
		return c.undo(err)
	}
	start := time.Now()
	if err := c.out.f.Datasync(); err != nil {
		return c.fail(err)
	}
	c.synced = time.Since(start)
	c.durable(g, start)
	if c.j.o.OnSync != nil {
		c.j.o.OnSync(Sync{Records: g.records, Bytes: g.size, Took: c.synced})
	}
	return nil
}

// bytes returns what is written for g into the live segment.
func (c *committer) bytes(g *group) []byte {
	if c.out.cipher == nil {
		return g.buf
	}
	if cap(c.sealed) > 2*maxGroup {
		c.sealed = nil
	}
	c.sealed = c.out.cipher.appendFrames(c.sealed[:0], g.buf, c.out.seg.size)
	return c.sealed
}

// landed ends the account of the group being written.
func (c *committer) landed() {
	c.j.mu.Lock()
	c.j.inflight = 0
	c.j.mu.Unlock()
}

func (c *committer) durable(g *group, now time.Time) {
	j := c.j
	j.mu.Lock()
	defer j.mu.Unlock()
	seg := c.out.seg
	if seg.records == 0 {
		seg.first = now
		c.age.Reset(j.o.SegmentAge)
	}
	seg.size += g.size
	seg.records += int64(g.records)
	j.count.records += int64(g.records)
	j.count.bytes += g.size
	j.count.syncs++
}

// room makes sure there is a live segment that can take n more bytes. A group larger than a segment gets one for
// itself: the file grows beyond its allocation, and a full disk shows at the write, before the acknowledgement.
func (c *committer) room(n int64) error {
	if c.out != nil && c.out.seg.records > 0 && c.out.seg.size+n > c.j.o.SegmentSize {
		c.roll()
	}
	if err := c.j.refused(); err != nil {
		return err
	}
	if c.out != nil {
		return nil
	}
	if !c.preparing {
		c.prepare()
	}
	p := <-c.next
	c.preparing = false
	if p.err != nil {
		return fmt.Errorf("%w: cannot allocate a segment: %w", ErrFull, p.err)
	}
	c.out = p.out
	c.j.mu.Lock()
	c.j.live = p.out.seg
	c.j.mu.Unlock()
	c.prepare()
	return nil
}

func (j *Journal) refused() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if errors.Is(j.refusing, ErrClosed) {
		return nil // a drain still writes what was accepted before it
	}
	return j.refusing
}

// prepare allocates the next segment beside the work, so that rotation does not wait for the disk.
func (c *committer) prepare() {
	seq, next, o, writer := c.seq, c.next, c.j.o, c.j.writer
	c.seq++
	c.preparing = true
	go func() {
		out, err := createSegment(o, header{seq: seq, writer: writer})
		next <- prepared{out, err}
	}()
}

func createSegment(o Options, h header) (*output, error) {
	keys, err := o.keys()
	if err != nil {
		return nil, err
	}
	if len(keys) > 0 {
		h.sealing = newSealing(keys[0])
	}
	cipher, err := h.cipherOf(keys)
	if err != nil {
		return nil, err
	}
	head := appendHeader(nil, h.seq, h.writer, h.sealing)
	path := segmentPath(o.Dir, h.seq)
	f, err := o.create(path)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteAt(head, 0)
	if err == nil {
		err = f.Preallocate(o.SegmentSize)
	}
	if err == nil {
		err = f.Datasync()
	}
	if err == nil {
		err = syncDir(o.Dir)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	seg := &segment{seq: h.seq, path: path, head: h.size(), size: h.size()}
	return &output{seg: seg, f: f, cipher: cipher}, nil
}

// undo cuts off what a failed write may have left behind the last durable record, and takes the room again that
// the cut gave away.
func (c *committer) undo(cause error) error {
	if err := c.out.f.Truncate(c.out.seg.size); err != nil {
		return c.fail(err)
	}
	if c.out.cipher != nil {
		c.abandon()
	} else if err := c.out.f.Preallocate(c.j.o.SegmentSize); err != nil {
		c.roll() // without its room the segment cannot promise anything more: what it holds goes on its way
	}
	if errors.Is(cause, syscall.ENOSPC) {
		return fmt.Errorf("%w: %w", ErrFull, cause)
	}
	return fmt.Errorf("journal: write failed: %w", cause)
}

// abandon ends a sealed segment: what a failed write left on the disk was sealed for an offset, and the next record
// sealed for the same one would be under the same nonce.
func (c *committer) abandon() {
	if c.out.seg.records > 0 {
		c.roll()
		return
	}
	c.drop(c.out)
	c.out = nil
}

// fail closes the journal for appends: after a failed sync or cut nobody knows what the disk holds.
func (c *committer) fail(cause error) error {
	err := fmt.Errorf("journal: closed after the disk failed, restart to recover: %w", cause)
	c.j.mu.Lock()
	defer c.j.mu.Unlock()
	if c.j.refusing == nil || errors.Is(c.j.refusing, ErrClosed) {
		c.j.refusing = err
	}
	c.j.count.failed = true
	return err
}

// roll closes the live segment, if it holds records, and gives it to the destinations: also the last one of a
// journal that has failed, whose durable part is as good as any.
func (c *committer) roll() {
	if c.out == nil || c.out.seg.records == 0 {
		return
	}
	seg := c.out.seg
	_ = writeSeal(c.out.f, seg) // a segment without one is scanned: its records are durable already
	_ = c.out.f.Close()
	c.out = nil
	c.age.Stop()

	j := c.j
	j.mu.Lock()
	defer j.mu.Unlock()
	j.live = nil
	j.closed = append(j.closed, seg)
	j.count.held += seg.size
	j.shed()
	j.broadcast()
}

// writeSeal marks a segment as closed and gives back the room it did not need.
func writeSeal(f file, seg *segment) error {
	s := closing{size: seg.size, records: seg.records, first: seg.first.UnixNano()}
	if _, err := f.WriteAt(s.append(nil), sealOffset); err != nil {
		return err
	}
	if err := f.Truncate(seg.size); err != nil {
		return err
	}
	return f.Datasync()
}

// discard removes the segments that never held a record.
func (c *committer) discard() {
	if c.preparing {
		if p := <-c.next; p.err == nil {
			c.drop(p.out)
		}
		c.preparing = false
	}
	if c.out != nil {
		c.drop(c.out)
		c.out = nil
	}
	c.j.mu.Lock()
	defer c.j.mu.Unlock()
	c.j.broadcast()
}

func (c *committer) drop(out *output) {
	_ = out.f.Close()
	_ = os.Remove(out.seg.path) // empty: the next Open removes it if this could not
	c.j.mu.Lock()
	defer c.j.mu.Unlock()
	if c.j.live == out.seg {
		c.j.live = nil
	}
}
