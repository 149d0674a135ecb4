package bucket

import (
	"context"
	"iter"

	"github.com/minio/minio-go/v7"
)

// List yields the objects under prefix in order of key. Each page is a request of its own, so that a consumer may take
// its time between two objects.
func (s *S3) List(ctx context.Context, prefix, startAfter string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		after := ""
		if startAfter != "" {
			after = s.under(startAfter)
		}
		for {
			page, last, err := s.page(ctx, prefix, after)
			if err != nil {
				yield(Object{}, err)
				return
			}
			for _, o := range page {
				if !yield(o, nil) {
					return
				}
			}
			if last == "" {
				return
			}
			after = last
		}
	}
}

// pageSize is the most that S3 gives in one answer.
const pageSize = 1000

// page returns up to pageSize objects, and the name of the last one where more may follow.
func (s *S3) page(ctx context.Context, prefix, after string) (page []Object, last string, err error) {
	err = s.try(ctx, opList, prefix, func(ctx context.Context, _ int) (traffic, error) {
		page, last = page[:0], ""
		seen := 0
		for info := range s.client.ListObjectsIter(ctx, s.config.Bucket, minio.ListObjectsOptions{
			Prefix: s.under(prefix), StartAfter: after, Recursive: true, MaxKeys: pageSize}) {
			if info.Err != nil {
				return traffic{}, info.Err
			}
			if key, ok := s.key(info.Key); ok {
				page = append(page, Object{Key: key, Size: info.Size, Modified: info.LastModified, ETag: info.ETag})
			}
			if seen++; seen == pageSize {
				last = info.Key
				break
			}
		}
		return traffic{}, ctx.Err() // the iterator of a cancelled context ends without a word
	})
	return page, last, err
}
