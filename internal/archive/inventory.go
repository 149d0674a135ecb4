package archive

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// Inventory is what an archive holds at one moment.
type Inventory struct {
	Commits int
	Blocks  []InventoryBlock // live ones, by class and day
	Classes []Class          // as they stood when something was written, the last of a name first
}

// InventoryBlock is a live block and the moment from which its class keeps it no more.
type InventoryBlock struct {
	*File
	Until time.Time
}

// TakeInventory reads the commits and classes of an archive. What could be read is returned along with the error that
// says what could not.
func TakeInventory(ctx context.Context, b bucket.Bucket) (*Inventory, error) {
	cat, err := loadCatalog(ctx, b, nil, false)
	if err != nil {
		return nil, err
	}
	inv := &Inventory{Commits: len(cat.counting())}
	bad := cat.failed
	classes := classDocuments{bucket: b}
	for _, f := range cat.live() {
		until, err := classes.until(ctx, f)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		inv.Blocks = append(inv.Blocks, InventoryBlock{f, until})
	}
	slices.SortFunc(inv.Blocks, func(a, b InventoryBlock) int { return strings.Compare(a.Key, b.Key) })
	inv.Classes, err = Classes(ctx, b)
	return inv, errors.Join(append(bad, err)...)
}

// Classes reads the class documents of an archive, by name; of one name the longest kept comes first.
func Classes(ctx context.Context, b bucket.Bucket) ([]Class, error) {
	docs := classDocuments{bucket: b}
	var list []Class
	for o, err := range b.List(ctx, classPrefix, "") {
		if err != nil {
			return nil, err
		}
		c, err := docs.get(ctx, strings.TrimSuffix(strings.TrimPrefix(o.Key, classPrefix), ".json"))
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	slices.SortStableFunc(list, func(a, b Class) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return int(b.Keep/day) - int(a.Keep/day)
	})
	return list, nil
}

// The backstop of a bucket's own lifecycle: late enough that it never comes before a sweep, soon enough that a collector
// that is gone for good leaves nothing for ever.
const (
	lifecycleSlack      = 7 // days after the class has ended
	lifecycleNoncurrent = 3 // days that a deleted or replaced version may stay
)

// LifecycleRules are the expiry rules for the data of the classes, one for each name. A merged block is put anew, up to
// a day after its last event, and lives its class's time from then: the rules err on the side of keeping.
func LifecycleRules(classes []Class) []bucket.Expiry {
	keep := make(map[string]time.Duration)
	for _, c := range classes {
		keep[c.Name] = max(keep[c.Name], c.Keep)
	}
	var rules []bucket.Expiry
	for name, d := range keep {
		rules = append(rules, bucket.Expiry{
			Name: name, Prefix: dataPrefix + "class=" + name + "/",
			Days: int((d+day-1)/day) + 1 + lifecycleSlack, Noncurrent: lifecycleNoncurrent,
		})
	}
	slices.SortFunc(rules, func(a, b bucket.Expiry) int { return strings.Compare(a.Name, b.Name) })
	return rules
}
