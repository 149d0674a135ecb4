package archive

import (
	"context"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// holdSet are the holds that outrank an erasure.
type holdSet []Hold

func loadHolds(ctx context.Context, b bucket.Bucket) (holdSet, error) { return Holds(ctx, b) }

// keeping returns the id of a hold that keeps the row, empty for none.
func (s holdSet) keeping(r row, owners map[string]string) string {
	for i := range s {
		if s[i].Covers(r.record, owners) {
			return s[i].ID
		}
	}
	return ""
}
