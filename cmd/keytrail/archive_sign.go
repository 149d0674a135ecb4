package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/internal/archive"
)

// signing is the flag that names the archive's signing key.
type signing struct{ path string }

func (s *signing) flag(c *cobra.Command) {
	c.Flags().StringVar(&s.path, "signing-key", cmp.Or(os.Getenv("KEYTRAIL_SIGNING_KEY"), "data/archive-signing.pem"), "file of the archive's signing key ($KEYTRAIL_SIGNING_KEY)")
}

func (s *signing) load() (*archive.Signer, error) {
	key, err := archive.LoadSigner(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hint(fmt.Errorf("no signing key at %s", s.path), "make one with: keytrail archive keygen --signing-key "+s.path)
	}
	return key, err
}

func newArchiveKeygen(p *place) *cobra.Command {
	var s signing
	c := &cobra.Command{
		Use:   "keygen",
		Short: "Make the key that signs digests and receipts, and print its public half; keep that outside the archive",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			key, err := archive.CreateSigner(s.path)
			if errors.Is(err, fs.ErrExist) {
				return hint(fmt.Errorf("a signing key exists at %s", s.path), "a second key needs another --signing-key; the archive knows the public half of each")
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "made signing key %s at %s\n", key.ID(), s.path)
			_, err = c.OutOrStdout().Write(key.Public())
			return err
		},
	}
	s.flag(c)
	return c
}

func newArchiveDigest(p *place) *cobra.Command {
	var s signing
	c := &cobra.Command{
		Use:     "digest",
		Short:   "Write the signed digest of the hours that have ended since the last one, as a running collector does by itself",
		Example: "  keytrail archive digest --signing-key archive-signing.pem",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			key, err := s.load()
			if err != nil {
				return err
			}
			b, err := p.open(c, false)
			if err != nil {
				return err
			}
			r, err := archive.Digest(c.Context(), b, key, time.Now())
			if err != nil {
				return err
			}
			if r.Key == "" {
				p.say(c, "no hour has ended since the last digest")
				return nil
			}
			p.say(c, "%s: %d documents and %d blocks through %s, signed by %s", r.Key, r.Objects, r.Blocks, when(r.To), key.ID())
			return nil
		},
	}
	s.flag(c)
	return c
}
