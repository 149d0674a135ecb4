package archive

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// Alias is the entry of one owner in the deletable map: while it stands, rows that keep only the pseudonym can be
// found by owner and shown with the owner; once it is deleted, nothing links them any more.
type Alias struct {
	Owner     string `json:"owner"`
	Pseudonym string `json:"pseudonym"`
}

// aliasCache bounds the owners a writer remembers: far more than an organisation has, at about 200 bytes each.
const aliasCache = 1 << 16

// aliases gives each owner one pseudonym, the same from every writer of the archive. It is safe for concurrent use.
type aliases struct {
	bucket bucket.Bucket
	known  *lru.Cache[string, string]
}

func newAliases(b bucket.Bucket) *aliases {
	c, err := lru.New[string, string](aliasCache)
	if err != nil {
		panic(err) // only a size below 1 is an error
	}
	return &aliases{bucket: b, known: c}
}

// of returns the owner's pseudonym. Whoever puts the map entry first decides; the others read it.
func (a *aliases) of(ctx context.Context, owner string) (string, error) {
	if owner == "" {
		return "", nil
	}
	if p, ok := a.known.Get(owner); ok {
		return p, nil
	}
	var e Alias
	err := getDocument(ctx, a.bucket, aliasKey(owner), &e)
	if errors.Is(err, bucket.ErrNotFound) {
		e, err = a.create(ctx, owner)
	}
	if err != nil {
		return "", fmt.Errorf("owner pseudonym: %w", err)
	}
	a.known.Add(owner, e.Pseudonym)
	return e.Pseudonym, nil
}

// aliasWorkers ask for pseudonyms side by side: a new owner costs a durable put, and the first segment of an archive may
// bring thousands of them.
const aliasWorkers = 16

// prepare makes sure that the owners have a pseudonym.
func (a *aliases) prepare(ctx context.Context, owners map[string]bool) error {
	work := make(chan string)
	errs := make([]error, aliasWorkers)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for owner := range work {
				if errs[i] == nil {
					_, errs[i] = a.of(ctx, owner)
				}
			}
		})
	}
	for owner := range owners {
		if !a.known.Contains(owner) {
			work <- owner
		}
	}
	close(work)
	wg.Wait()
	return errors.Join(errs...)
}

func (a *aliases) create(ctx context.Context, owner string) (Alias, error) {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	e := Alias{Owner: owner, Pseudonym: "op_" + hex.EncodeToString(random[:])}
	created, err := putDocument(ctx, a.bucket, aliasKey(owner), e)
	if err != nil || created {
		return e, err
	}
	err = getDocument(ctx, a.bucket, aliasKey(owner), &e)
	return e, err
}

// aliasMap is a reader's view of the whole map, read when a search first needs it.
type aliasMap struct {
	mu      sync.Mutex
	entries map[string]Alias // by object key: an entry never changes, it can only be deleted
}

// load reads the entries it has not seen, forgets those that were deleted, and returns the owner of each pseudonym.
func (m *aliasMap) load(ctx context.Context, b bucket.Bucket) (map[string]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	entries := make(map[string]Alias, len(m.entries))
	owners := make(map[string]string, len(m.entries))
	for o, err := range b.List(ctx, aliasPrefix, "") {
		if err != nil {
			return nil, err
		}
		e, ok := m.entries[o.Key]
		if !ok {
			switch err := getDocument(ctx, b, o.Key, &e); {
			case errors.Is(err, bucket.ErrNotFound): // deleted just now
				continue
			case err != nil:
				return nil, err
			}
		}
		entries[o.Key] = e
		owners[e.Pseudonym] = e.Owner
	}
	m.entries = entries
	return owners, nil
}

// pseudonym returns the owner's, empty where the map has no entry.
func pseudonym(ctx context.Context, b bucket.Bucket, owner string) (string, error) {
	var e Alias
	err := getDocument(ctx, b, aliasKey(owner), &e)
	if errors.Is(err, bucket.ErrNotFound) {
		return "", nil
	}
	return e.Pseudonym, err
}
