package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/processor/tokenownerprocessor"
)

// recentTokens is how many tokens the cache holds: it is given no other, so that it always knows the answer.
const recentTokens = 1024

// benchFingerprint prints what fingerprinting a token costs, beside the same with a cache of recent tokens, and how much
// of an event with a token such a cache would save. The cache is keyed by the digest and holds no token; in the best
// case it spares the keyed hash and the text form.
func benchFingerprint() error {
	return oneCore(func() error {
		dir, err := os.MkdirTemp("", "keytrail-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "ring", "keyring.yaml")
		keyring, err := fingerprint.Open(path, fingerprint.Options{Create: true})
		if err != nil {
			return err
		}
		defer func() { _ = keyring.Close() }()
		cache, err := lru.New[fingerprint.Digest, string](recentTokens)
		if err != nil {
			return err
		}
		ring, tokens := keyring.Ring(), benchTokens()
		plain, cached := duel(func() int {
			for _, t := range tokens {
				_ = ring.Stamp(fingerprint.Credential, fingerprint.CredentialDigest(t)).String()
			}
			return len(tokens)
		}, func() int {
			for _, t := range tokens {
				d := fingerprint.CredentialDigest(t)
				if _, ok := cache.Get(d); !ok {
					cache.Add(d, ring.Stamp(fingerprint.Credential, d).String())
				}
			}
			return len(tokens)
		})
		row("2 fingerprints (peer: a cache of recent tokens, all hits)", "/s", plain.rate, cached.rate)
		whole, err := eventWithToken(path)
		if err != nil {
			return err
		}
		saved := time.Duration(1e9/plain.rate - 1e9/cached.rate)
		each := time.Duration(1e9 / whole)
		fmt.Printf("  the cache would save %v of the %v that an event with a token takes: %.1f%%\n", saved, each, 100*float64(saved)/float64(each))
		return nil
	})
}

func benchTokens() (tokens [][]byte) {
	for n := range recentTokens {
		tokens = append(tokens, fmt.Appendf(nil, "bench-token-%028d", n))
	}
	return tokens
}

// eventWithToken is how many events of 29 attributes and a token the processor takes in a second.
func eventWithToken(ring string) (float64, error) {
	p, err := startProcessor(tokenownerprocessor.NewFactory(), map[string]any{"keyring": map[string]any{"path": ring}})
	if err != nil {
		return 0, err
	}
	defer func() { _ = p.Shutdown(context.Background()) }()
	batch, tokens := cleanLogs(), benchTokens()
	records := batch.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	for i := range records.Len() {
		records.At(i).Attributes().PutEmptySlice(event.PrefixRequestHeader + "x-api-key").AppendEmpty().SetStr(string(tokens[i%recentTokens]))
	}
	var failed error
	one := round(rounds*roundFor, func() int {
		ld := plog.NewLogs()
		batch.CopyTo(ld)
		if err := p.ConsumeLogs(context.Background(), ld); err != nil {
			failed = err
		}
		return ld.LogRecordCount()
	})
	return one.without(copied(batch)), failed
}
