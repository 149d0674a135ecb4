package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// mark says below which segment a writer's records are stored, when the commits that would say so are swept away. A
// writer hands in its segments in order, so one number is enough, and a journal that comes back after any time with a
// segment that was stored long ago does not store it again.
type mark struct {
	Writer string `json:"writer"`
	Below  uint64 `json:"stored_below"`
}

func readMark(ctx context.Context, b bucket.Bucket, writer string) (mark, error) {
	m := mark{Writer: writer}
	err := getDocument(ctx, b, writerKey(writer), &m)
	if errors.Is(err, bucket.ErrNotFound) {
		err = nil
	}
	return m, err
}

// raiseMark says that the segment is stored. Two sweepers may raise it at once: it never goes down.
func raiseMark(ctx context.Context, b bucket.Bucket, writer string, segment uint64) error {
	for {
		done, err := tryRaiseMark(ctx, b, mark{writer, segment + 1})
		if done || err != nil {
			return err
		}
	}
}

func tryRaiseMark(ctx context.Context, b bucket.Bucket, want mark) (bool, error) {
	key := writerKey(want.Writer)
	o, err := b.Head(ctx, key)
	if errors.Is(err, bucket.ErrNotFound) {
		return putDocument(ctx, b, key, want)
	}
	if err != nil {
		return false, err
	}
	have, err := readMark(ctx, b, want.Writer)
	if err != nil || have.Below >= want.Below {
		return err == nil, err
	}
	text, err := json.Marshal(want)
	if err != nil {
		return false, fmt.Errorf("%s: %w", key, err)
	}
	err = b.Put(ctx, key, bytes.NewReader(text), int64(len(text)), bucket.PutOptions{IfMatch: o.ETag})
	if errors.Is(err, bucket.ErrChanged) {
		return false, nil
	}
	return err == nil, err
}
