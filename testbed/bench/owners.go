package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/owner"
)

const (
	ownerRows = owner.MaxRows
	// warmTokens is a set of tokens whose rows stay in the processor's own cache.
	warmTokens = 256
	// askedTokens is how many look-ups one turn makes, over tokens drawn beforehand.
	askedTokens = 1 << 16

	ownerRounds   = 5
	ownerRoundFor = 200 * time.Millisecond
)

// benchOwners looks owners up in a directory at its limit, beside what one would write first: a map, and a cache.
func benchOwners() error {
	dir, err := os.MkdirTemp("", "keytrail-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "owners.csv")
	if err := writeOwners(file, "payments"); err != nil {
		return err
	}
	return oneCore(func() error { return benchLookups(dir, file) })
}

func ownedToken(n int) string { return fmt.Sprintf("dummy-owned-token-%07d", n) }

// writeOwners writes a directory as an identity provider gives it.
func writeOwners(path, team string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "sha256,owner_id,owner_type,owner_name,owner_team,owner_contact,token_id,token_name,created_at,expires_at")
	for n := range ownerRows {
		u := n / 3
		fmt.Fprintf(w, "%x,user-%d,user,Some Body %d,%s,some.body.%d@example.com,%d,deploy key %d,2026-01-02T03:04:05Z,2027-01-02T03:04:05Z\n",
			sha256.Sum256([]byte(ownedToken(n))), u, u, team, u, n, n)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// peers are the same rows by the text of their fingerprint.
type ownerPeers struct {
	plain map[string]*owner.Row
	cache *otter.Cache[string, *owner.Row]
}

func benchLookups(dir, file string) error {
	path := filepath.Join(dir, "keyring.yaml")
	if _, err := fingerprint.Create(path); err != nil {
		return err
	}
	ring, err := fingerprint.Load(path)
	if err != nil {
		return err
	}
	before := heapInUse()
	book := owner.Open(owner.Options{Loader: owner.NewFile(file), Ring: func() *fingerprint.Ring { return ring }})
	defer book.Close()
	index := book.Index()
	if index.Len() != ownerRows {
		return fmt.Errorf("directory must hold %d rows, found %d", ownerRows, index.Len())
	}
	ours := heapInUse() - before
	peers, mapped, cached, err := newOwnerPeers(file, ring)
	if err != nil {
		return err
	}
	row("2 owners: memory of a row (peer: map[string]*Row)", "B", perRow(ours), perRow(mapped))
	row("2 owners: memory of a row (peer: otter, same rows)", "B", perRow(ours), perRow(mapped+cached))
	keys := drawTokens(ring)
	for _, load := range []struct {
		name string
		keys []string
	}{{fmt.Sprintf("%d hot tokens", warmTokens), keys.warm}, {"Zipf over 1 M tokens", keys.zipf}, {"even over 1 M tokens", keys.even}} {
		if err := duelLookups(load.name, load.keys, index, peers); err != nil {
			return err
		}
	}
	return nil
}

func perRow(b uint64) float64 { return float64(b) / ownerRows }

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// newOwnerPeers builds both; the bytes of the cache are those beyond the rows, which are the map's.
func newOwnerPeers(file string, ring *fingerprint.Ring) (p ownerPeers, mapped, cached uint64, err error) {
	before := heapInUse()
	p.plain = make(map[string]*owner.Row, ownerRows)
	_, _, err = owner.NewFile(file).Load(context.Background(), "", func(r *owner.Row) error {
		p.plain[ring.Stamp(fingerprint.Credential, r.Digest).String()] = r
		return nil
	})
	if err != nil {
		return p, 0, 0, err
	}
	mapped = heapInUse() - before
	p.cache, err = otter.New(&otter.Options[string, *owner.Row]{MaximumSize: 2 * ownerRows, InitialCapacity: ownerRows})
	if err != nil {
		return p, 0, 0, err
	}
	for text, r := range p.plain {
		p.cache.Set(text, r)
	}
	p.cache.CleanUp()
	return p, mapped, heapInUse() - before - mapped, nil
}

type drawn struct{ warm, zipf, even []string }

func drawTokens(ring *fingerprint.Ring) (d drawn) {
	r := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(r, 1.1, 1, ownerRows-1)
	text := func(n int) string {
		return ring.Stamp(fingerprint.Credential, fingerprint.CredentialDigest([]byte(ownedToken(n)))).String()
	}
	for range askedTokens {
		d.zipf = append(d.zipf, text(int(z.Uint64())))
		d.even = append(d.even, text(r.IntN(ownerRows)))
	}
	for i := range askedTokens {
		d.warm = append(d.warm, d.even[i%warmTokens])
	}
	return d
}

func duelLookups(name string, keys []string, x *owner.Index, peers ownerPeers) error {
	missed := 0
	now := time.Now()
	ours := func() int {
		var f owner.Facts
		for _, k := range keys {
			if !x.ByText(k, now, &f) || f.Text[owner.OwnerID] == "" {
				missed++
			}
		}
		return len(keys)
	}
	plain := func() int {
		for _, k := range keys {
			if r := peers.plain[k]; r == nil || r.OwnerID == "" || !r.Holds(now) {
				missed++
			}
		}
		return len(keys)
	}
	cached := func() int {
		for _, k := range keys {
			if r, ok := peers.cache.GetIfPresent(k); !ok || r.OwnerID == "" || !r.Holds(now) {
				missed++
			}
		}
		return len(keys)
	}
	for _, peer := range []struct {
		name string
		ask  func() int
	}{{"map", plain}, {"otter", cached}} {
		a, b := duelFor(ownerRounds, ownerRoundFor, ours, peer.ask)
		row(fmt.Sprintf("2 owners: look-up, %s (peer: %s)", name, peer.name), "ns", 1e9/a.rate, 1e9/b.rate)
		if a.allocs*1000 >= 1 {
			fmt.Printf("  %.3f allocations a look-up\n", a.allocs)
		}
	}
	if missed > 0 {
		return fmt.Errorf("every look-up must find its row, %d missed", missed)
	}
	return nil
}
