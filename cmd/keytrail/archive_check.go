package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/query"
)

func newArchiveVerify(p *place) *cobra.Command {
	var trusted []string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Hash every block and document and compare with commits and signed digests; exit 1 where anything differs",
		Long: "Hash every block and document and compare with commits and signed digests; exit 1 where anything differs.\n" +
			"Without --public-key the keys that the archive itself names are believed: that shows damage, not a forger who can write to it.",
		Example: "  keytrail archive verify --public-key archive-signing.pub",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			keys, err := publicKeys(trusted)
			if err != nil {
				return err
			}
			b, err := p.open(c, true)
			if err != nil {
				return err
			}
			r, err := archive.Verify(c.Context(), b, archive.VerifyOptions{Trusted: keys, Now: time.Now()})
			if err != nil {
				return err
			}
			records := make([][]any, 0, len(r.Problems))
			for _, x := range r.Problems {
				records = append(records, []any{string(x.Kind), x.Key, x.Detail})
			}
			if err := p.print(c, problemFields, records); err != nil {
				return err
			}
			p.say(c, "checked %d blocks (%d bytes), %d documents, %d receipts, %d digests through %s, signed by %s; %d documents are younger than the last digest",
				r.Blocks, r.Bytes, r.Documents, r.Receipts, r.Digests, orNone(when(r.Through)), orNone(strings.Join(r.Keys, " ")), r.Pending)
			return found(len(r.Problems), "the archive differs from what was written in %d places", "keep the bucket as it is and compare it with a backup; docs/archive.md says what each problem means")
		},
	}
	c.Flags().StringArrayVar(&trusted, "public-key", nil, "file of a public key that signatures must be of, kept outside the archive")
	return c
}

var problemFields = []query.Field{{Key: "problem"}, {Key: "key"}, {Key: "detail"}}

func publicKeys(files []string) ([]archive.PublicKey, error) {
	var keys []archive.PublicKey
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		k, err := archive.ParsePublicKey(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func newArchiveProve(p *place) *cobra.Command {
	return &cobra.Command{
		Use:     "prove",
		Short:   "Show that nothing older than its class keeps can be read and nothing kept or held is lost; exit 1 where that fails",
		Example: "  keytrail archive prove --output json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b, err := p.open(c, true)
			if err != nil {
				return err
			}
			r, err := archive.Prove(c.Context(), b, time.Now())
			if err != nil {
				return err
			}
			records := make([][]any, 0, len(r.Violations))
			for _, x := range r.Violations {
				records = append(records, []any{string(x.Kind), x.Key, x.Detail})
			}
			if err := p.print(c, violationFields, records); err != nil {
				return err
			}
			p.say(c, "looked at %d objects and %d versions: %d live blocks, oldest event %s, %d blocks kept by a hold, %d versions kept by a lock, %d erasures",
				r.Objects, r.Versions, r.Blocks, orNone(when(r.Oldest)), r.Held, r.Locked, r.Erasures)
			if r.Unknown > 0 {
				p.say(c, "%d blocks are gone past their class while a hold on somebody stood: whether it should have kept them, nothing tells any more", r.Unknown)
			}
			return found(len(r.Violations), "the archive breaks its promises in %d places", "keytrail archive sweep removes what has ended; an unfinished erasure is done again by the same command")
		},
	}
}

var violationFields = []query.Field{{Key: "violation"}, {Key: "key"}, {Key: "detail"}}

// found is the failure of a check that found n problems.
func found(n int, format, what string) error {
	if n == 0 {
		return nil
	}
	return hint(fmt.Errorf(format, n), what)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
