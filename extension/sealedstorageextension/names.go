package sealedstorageextension

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/keytrail/keytrail/internal/seal"
)

const (
	// recordName is where each store keeps the key of its names.
	recordName = "keytrail.sealed_storage"
	// nameSize leaves no chance to two keys of one store under one name.
	nameSize = 20
)

// names hides the keys a component uses: they may hold paths of files. The keyed hash has a key of its own in each
// store, itself sealed there. Were it made from the sealing key, a value sealed with a lost key would have an unknown
// name, and a Get would answer "nothing" for what is there and cannot be read.
type names struct {
	owner string
	key   []byte
	mu    sync.Mutex
	by    seal.KeyID // the key that sealed the record
}

// openNames reads the record of a store, or writes one to an empty store.
func openNames(ctx context.Context, inner storage.Client, s *sealer, owner string) (*names, error) {
	n := &names{owner: owner}
	sealed, err := inner.Get(ctx, recordName)
	if err != nil {
		return nil, err
	}
	if sealed != nil {
		if _, n.key, err = s.open(owner, recordName, sealed); err != nil {
			return nil, err
		}
		n.by = seal.KeyID(sealed[1:headSize])
		return n, n.reseal(ctx, inner, s)
	}
	if err := mustBeEmpty(ctx, inner, owner); err != nil {
		return nil, err
	}
	n.key = make([]byte, seal.KeySize)
	_, _ = rand.Read(n.key) // never fails
	return n, n.reseal(ctx, inner, s)
}

var errNotEmpty = errors.New("not empty")

// mustBeEmpty refuses a store that was used without sealing: its values would stay readable on the disk behind our
// promise. It cannot be asked of a storage without Walk.
func mustBeEmpty(ctx context.Context, inner storage.Client, owner string) error {
	w, ok := inner.(storage.Walker)
	if !ok {
		return nil
	}
	err := w.Walk(ctx, func(string, []byte) ([]*storage.Operation, error) { return nil, errNotEmpty })
	if errors.Is(err, errNotEmpty) {
		return fmt.Errorf("`storage` must be empty or sealed, found unsealed values of %s: remove them or take another storage", owner)
	}
	return err
}

// of returns the name under which key is stored.
func (n *names) of(key string) string {
	h := hmac.New(sha256.New, n.key)
	_, _ = h.Write([]byte(key)) // a hash never fails to write
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:nameSize])
}

// reseal writes the record with the key in force, so that no older key is needed for it.
func (n *names) reseal(ctx context.Context, inner storage.Client, s *sealer) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.by == s.sealing() {
		return nil
	}
	sealed, err := s.seal(n.owner, recordName, "", n.key)
	if err != nil {
		return err
	}
	if err := inner.Set(ctx, recordName, sealed); err != nil {
		if n.by != (seal.KeyID{}) {
			// The old record still opens. A full storage must let its component read and delete; the next use tries again.
			return nil
		}
		return err
	}
	n.by = s.sealing()
	return nil
}
