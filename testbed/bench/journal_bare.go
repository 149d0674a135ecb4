package main

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"

	"golang.org/x/sys/unix"
)

// bareFile is what the bare loop writes over and over. Like the journal's segments it is allocated before: a file that
// grows makes every sync store its new size, too, and the loop slower than the journal.
const bareFile = 64 << 20

// bareLoop writes and syncs for all who wait.
type bareLoop struct {
	file *os.File
	work chan bareAppend
	done chan struct{}
}

type bareAppend struct {
	payloads [][]byte
	done     chan error
}

func newBareLoop(path string) (*bareLoop, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Fallocate(int(f.Fd()), 0, 0, bareFile); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	l := &bareLoop{file: f, work: make(chan bareAppend, 1024), done: make(chan struct{})}
	go l.run()
	return l, nil
}

func (l *bareLoop) append(p [][]byte) error {
	a := bareAppend{p, make(chan error, 1)}
	l.work <- a
	return <-a.done
}

func (l *bareLoop) run() {
	defer close(l.done)
	var group []byte
	var waiting []chan error
	var off int64
	for a := range l.work {
		group, waiting = group[:0], waiting[:0]
		for more := true; more; {
			for _, p := range a.payloads {
				group = binary.LittleEndian.AppendUint32(group, uint32(len(p)))
				group = binary.LittleEndian.AppendUint32(group, crc32.Checksum(p, castagnoli))
				group = append(group, p...)
			}
			waiting = append(waiting, a.done)
			select {
			case a, more = <-l.work:
			default:
				more = false
			}
		}
		if off+int64(len(group)) > bareFile {
			off = 0
		}
		_, err := l.file.WriteAt(group, off)
		if err == nil {
			err = unix.Fdatasync(int(l.file.Fd()))
		}
		off += int64(len(group))
		for _, w := range waiting {
			w <- err
		}
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (l *bareLoop) close() error {
	close(l.work)
	<-l.done
	return l.file.Close()
}
