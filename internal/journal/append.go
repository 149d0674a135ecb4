package journal

import (
	"context"
	"fmt"

	"github.com/keytrail/keytrail/internal/seal"
)

// maxGroup bounds what waits for one write. Beyond it an appender waits for the group before: its sender feels
// the disk, and the memory of the journal is two groups however many senders there are.
const maxGroup = 8 << 20

// group is what is written and synced together.
type group struct {
	buf     []byte
	size    int64 // of the records once they are written, which sealing makes longer than buf
	records int
	appends int
	taken   chan struct{} // closed when the committer takes the group: there is room for the next
	done    chan struct{} // closed when err says what became of it
	err     error
}

func newGroup(buf []byte) *group {
	return &group{buf: buf, taken: make(chan struct{}), done: make(chan struct{})}
}

// Append adds the payloads in order and returns once they are on stable storage. After an error none of them is
// promised: the sender may send them again. When ctx ends first they may have been written all the same.
func (j *Journal) Append(ctx context.Context, payloads [][]byte) error {
	if len(payloads) == 0 {
		return nil
	}
	var size int64
	for _, p := range payloads {
		if len(p) == 0 || len(p) > MaxRecord {
			return fmt.Errorf("%w: %d bytes, want 1 to %d", ErrTooLarge, len(p), MaxRecord)
		}
		size += int64(frameSize+len(p)) + j.overhead()
	}
	g, err := j.enqueue(ctx, payloads, size)
	if err != nil {
		return err
	}
	if err := wait(ctx, g.done); err != nil {
		return err
	}
	return g.err
}

// enqueue puts the payloads into the group that will be written next, once it has room.
func (j *Journal) enqueue(ctx context.Context, payloads [][]byte, size int64) (*group, error) {
	for {
		g, room, err := j.offer(payloads, size)
		if err != nil {
			return nil, err
		}
		if room {
			j.poke()
			return g, nil
		}
		if err := wait(ctx, g.taken); err != nil {
			return nil, err
		}
	}
}

func (j *Journal) offer(payloads [][]byte, size int64) (g *group, room bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.refusing != nil {
		return nil, false, j.refusing
	}
	g = j.group
	if held := j.size() + j.inflight + g.size; held+size > j.o.MaxSize {
		j.count.full++
		return nil, false, fmt.Errorf("%w: %d of %d bytes held", ErrFull, held, j.o.MaxSize)
	}
	if g.size > 0 && g.size+size > maxGroup {
		return g, false, nil
	}
	for _, p := range payloads {
		if j.o.Keys == nil {
			g.buf = appendFrame(g.buf, p)
		} else {
			g.buf = appendUnsummed(g.buf, p)
		}
	}
	g.size += size
	g.records += len(payloads)
	g.appends++
	return g, true, nil
}

// overhead is what sealing adds to each record.
func (j *Journal) overhead() int64 {
	if j.o.Keys == nil {
		return 0
	}
	return seal.Overhead
}

// size is how many bytes the segments hold. The caller holds mu.
func (j *Journal) size() int64 {
	n := j.count.held
	if j.live != nil {
		n += j.live.size
	}
	return n
}

// poke tells the committer that a group waits.
func (j *Journal) poke() {
	select {
	case j.wake <- struct{}{}:
	default: // it has been told
	}
}
