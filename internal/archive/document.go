package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// putDocument stores v as JSON under a key that nobody else has taken, and reports whether it did.
func putDocument(ctx context.Context, b bucket.Bucket, key string, v any) (bool, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return false, fmt.Errorf("%s: %w", key, err)
	}
	text = append(text, '\n')
	err = b.Put(ctx, key, bytes.NewReader(text), int64(len(text)), bucket.PutOptions{IfAbsent: true})
	if errors.Is(err, bucket.ErrExists) {
		return false, nil
	}
	return err == nil, err
}

// getDocument reads the JSON under key into v.
func getDocument(ctx context.Context, b bucket.Bucket, key string, v any) error {
	text, err := b.GetRange(ctx, key, 0, -1)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}
