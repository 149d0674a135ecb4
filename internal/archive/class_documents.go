package archive

import (
	"context"
	"fmt"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// classDocuments reads class documents once each: they never change.
type classDocuments struct {
	bucket bucket.Bucket
	known  map[string]Class
}

func (d *classDocuments) get(ctx context.Context, hash string) (Class, error) {
	if c, ok := d.known[hash]; ok {
		return c, nil
	}
	var doc classDocument
	if err := getDocument(ctx, d.bucket, classKey(hash), &doc); err != nil {
		return Class{}, err
	}
	c, err := doc.class()
	if err != nil {
		return Class{}, fmt.Errorf("%s: %w", classKey(hash), err)
	}
	if d.known == nil {
		d.known = make(map[string]Class)
	}
	d.known[hash] = c
	return c, nil
}
