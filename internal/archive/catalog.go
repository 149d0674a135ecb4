package archive

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// unit is what blocks are replaced within: one class on one event day.
type unit struct{ class, day string }

func (u unit) end() (time.Time, error) {
	t, err := time.Parse(dayLayout, u.day)
	return t.Add(day), err
}

// catalog is the archive's commits at one moment, and the one place that says which blocks are live.
//
// A segment's commit names new blocks. A replace-commit says that merged blocks stand for others of its unit, and no
// two of them can disagree:
//
//   - Each is put if absent under the next generation of its unit, so of all who race for a generation one wins. The
//     others read the winner's and either build on it or give up.
//   - Each holds the whole state of the rewritten part of its unit: every merged block that is live (Files) and every
//     block of a segment's commit that they stand for (Replaces). Only the highest generation counts.
//
// So the live blocks of a unit are the Files of its highest generation and the blocks of segments' commits that it does
// not replace. A generation takes k blocks that are live in the one before and puts in blocks with the same rows, less
// duplicates and erased ones: by induction every row is in exactly one live block, before the put and after it,
// whoever dies at whatever point; what a loser or a victim has written is named by no commit. A late one who puts a
// generation below the highest, which a sweep had removed, is not heard.
//
// A key leaves Replaces only when no segment's commit names it any more, and such a commit never comes back: the
// writer's mark (see mark.go) keeps its segment from being written again.
//
// A listing is not one moment. It may miss what is put behind its back, which is a state of a moment ago: the blocks
// named there stay for readGrace after they are replaced.
type catalog struct {
	plain  map[string]*Commit      // by key
	chains map[unit][]replaceState // by generation, ascending
	failed []error                 // *CommitError of what could not be read
}

// replaceState is one generation of a unit.
type replaceState struct {
	key    string
	number uint64
	commit *Commit // nil where only the highest was asked for
}

// commitReaders read commits side by side: on an object store each is a request.
const commitReaders = 32

// loadCatalog lists the commits and reads those that know does not have. all reads every generation, not the highest
// of each unit only.
func loadCatalog(ctx context.Context, b bucket.Bucket, know map[string]*Commit, all bool) (*catalog, error) {
	for {
		c, gone, err := readCatalog(ctx, b, know, all)
		// A generation that was listed and is gone was replaced by a higher one, so that the listing is out of date.
		if err != nil || !gone {
			return c, err
		}
	}
}

func readCatalog(ctx context.Context, b bucket.Bucket, know map[string]*Commit, all bool) (c *catalog, gone bool, err error) {
	c = &catalog{plain: make(map[string]*Commit), chains: make(map[unit][]replaceState)}
	var wanted []string
	for o, err := range b.List(ctx, commitPrefix, "") {
		if err != nil {
			return nil, false, err
		}
		if u, n, ok := parseReplaceKey(o.Key); ok {
			c.chains[u] = append(c.chains[u], replaceState{key: o.Key, number: n})
			continue
		}
		wanted = append(wanted, o.Key)
	}
	for _, chain := range c.chains {
		slices.SortFunc(chain, func(a, b replaceState) int { return cmp.Compare(a.number, b.number) })
		for i, g := range chain {
			if all || i == len(chain)-1 {
				wanted = append(wanted, g.key)
			}
		}
	}
	read, errs := readCommits(ctx, b, wanted, know)
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	for _, key := range wanted {
		if _, _, ok := parseReplaceKey(key); !ok && read[key] != nil {
			c.plain[key] = read[key]
		}
		switch err := errs[key]; {
		case errors.Is(err, bucket.ErrNotFound):
			_, _, replace := parseReplaceKey(key)
			gone = gone || replace // one of a segment was swept just now
		case err != nil:
			c.failed = append(c.failed, &CommitError{key, err})
		}
	}
	for _, chain := range c.chains {
		for i := range chain {
			chain[i].commit = read[chain[i].key]
		}
	}
	return c, gone, nil
}

func readCommits(ctx context.Context, b bucket.Bucket, keys []string, know map[string]*Commit) (map[string]*Commit, map[string]error) {
	read, errs := make(map[string]*Commit, len(keys)), make(map[string]error)
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, commitReaders)
	for _, key := range keys {
		if c := know[key]; c != nil {
			mu.Lock()
			read[key] = c
			mu.Unlock()
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			c, err := readCommit(ctx, b, key)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs[key] = err
				return
			}
			read[key] = c
		})
	}
	wg.Wait()
	return read, errs
}

// newest returns the highest generation of the unit, a state without a commit where there is none.
func (c *catalog) newest(u unit) replaceState {
	if chain := c.chains[u]; len(chain) > 0 {
		return chain[len(chain)-1]
	}
	return replaceState{}
}

// counting returns the commits that say what is live, oldest day first.
func (c *catalog) counting() []*Commit {
	var keys []string
	byKey := maps.Clone(c.plain)
	for u := range c.chains {
		if g := c.newest(u); g.commit != nil {
			byKey[g.key] = g.commit
		}
	}
	keys = slices.Sorted(maps.Keys(byKey))
	list := make([]*Commit, len(keys))
	for i, k := range keys {
		list[i] = byKey[k]
	}
	return list
}

// live returns the blocks that stand for the archive's rows: each row that was committed and not erased is in exactly
// one of them.
func (c *catalog) live() []*File {
	replaced := c.replaced()
	var files []*File
	for _, commit := range c.counting() {
		for i := range commit.Files {
			f := &commit.Files[i]
			if commit.Generation > 0 || !replaced[f.Key] {
				files = append(files, f)
			}
		}
	}
	return files
}

// replaced returns the blocks of segments' commits that others stand for.
func (c *catalog) replaced() map[string]bool {
	m := make(map[string]bool)
	for u := range c.chains {
		if g := c.newest(u); g.commit != nil {
			for _, k := range g.commit.Replaces {
				m[k] = true
			}
		}
	}
	return m
}

// named returns the blocks that segments' commits name.
func (c *catalog) named() map[string]bool {
	m := make(map[string]bool)
	for _, commit := range c.plain {
		for i := range commit.Files {
			m[commit.Files[i].Key] = true
		}
	}
	return m
}

// err returns what could not be read.
func (c *catalog) err() error { return errors.Join(c.failed...) }
