package journal

import (
	"context"
	"fmt"
)

// maxGroup bounds what waits for one write. Beyond it an appender waits for the group before: its sender feels
// the disk, and the memory of the journal is two groups however many senders there are.
const maxGroup = 8 << 20

// group is what is written and synced together.
type group struct {
	buf     []byte
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
	size := 0
	for _, p := range payloads {
		if len(p) == 0 || len(p) > MaxRecord {
			return fmt.Errorf("%w: %d bytes, want 1 to %d", ErrTooLarge, len(p), MaxRecord)
		}
		size += frameSize + len(p)
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
func (j *Journal) enqueue(ctx context.Context, payloads [][]byte, size int) (*group, error) {
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

func (j *Journal) offer(payloads [][]byte, size int) (g *group, room bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.refusing != nil {
		return nil, false, j.refusing
	}
	g = j.group
	if held := j.size() + j.inflight + int64(len(g.buf)); held+int64(size) > j.o.MaxSize {
		j.count.full++
		return nil, false, fmt.Errorf("%w: %d of %d bytes held", ErrFull, held, j.o.MaxSize)
	}
	if len(g.buf) > 0 && len(g.buf)+size > maxGroup {
		return g, false, nil
	}
	for _, p := range payloads {
		g.buf = appendFrame(g.buf, p)
	}
	g.records += len(payloads)
	g.appends++
	return g, true, nil
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
