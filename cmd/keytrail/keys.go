package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

func newFingerprint() *cobra.Command {
	var keyring string
	var issuers []string
	c := &cobra.Command{
		Use:     "fingerprint",
		Short:   "Read a token from standard input and print its fingerprint under every live epoch, newest first",
		Example: "  pbpaste | keytrail fingerprint",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ring, err := loadRing(keyring)
			if err != nil {
				return err
			}
			ids, err := readToken(c.InOrStdin(), ring, append([]string{"other"}, issuers...))
			if err != nil {
				return err
			}
			for _, id := range ids {
				fmt.Fprintln(c.OutOrStdout(), id)
			}
			return nil
		},
	}
	c.Flags().StringVar(&keyring, "keyring", "", "key ring file ($KEYTRAIL_KEYRING, else ./data/keyring.yaml)")
	c.Flags().StringArrayVar(&issuers, "issuer", nil, "issuer (a source of the collector) under which a login or access key is known, beside other")
	return c
}

func newKeys() *cobra.Command {
	var keyring string
	c := &cobra.Command{
		Use:   "keys",
		Short: "Make, rotate and list the keys that fingerprints are made with",
		Args:  knownCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&keyring, "keyring", "", "key ring file ($KEYTRAIL_KEYRING, else ./data/keyring.yaml)")
	path := func() string { return fingerprint.ResolvePath(keyring) }
	c.AddCommand(newKeysInit(path), newKeysRotate(path), newKeysRetire(path), newKeysDestroy(path), newKeysList(path))
	return c
}

func newKeysInit(path func() string) *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Make a new key ring of one epoch; back it up, without it no token can be searched",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ring, err := fingerprint.Create(path())
			var orphan *fingerprint.OrphanError
			switch {
			case errors.Is(err, fs.ErrExist):
				return hint(fmt.Errorf("a key ring exists at %s", path()), "keytrail keys rotate adds an epoch to it")
			case errors.As(err, &orphan):
				return hint(err, "restore the key ring that stamped it, or start with an empty archive")
			case err != nil:
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "made key ring %s with epoch 1 at %s\n", ring.ID(), path())
			return nil
		},
	}
}

func newKeysRotate(path func() string) *cobra.Command {
	var compromised bool
	var after time.Duration
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Add an epoch; the one before is stamped beside it until it is retired",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o := fingerprint.RotateOptions{Compromised: compromised}
			switch {
			case after < 0 || compromised && after > 0:
				return usage("after must not be negative, and not stand with compromised, found %s", after)
			case after > 0:
				o.NotBefore = time.Now().Add(after)
			}
			epoch, err := fingerprint.Rotate(path(), o)
			if err != nil {
				return missingRing(err, path())
			}
			from := "now"
			if after > 0 {
				from = "from " + when(o.NotBefore)
			}
			fmt.Fprintf(c.OutOrStdout(), "epoch %d is in force %s; running collectors read it within 10 s\n", epoch, from)
			return nil
		},
	}
	c.Flags().BoolVar(&compromised, "compromised", false, "the key in force is known to others: it is stamped no more, not even as previous")
	c.Flags().DurationVar(&after, "after", 0, "come into force this much later, so that collectors that get the file slowly change together")
	return c
}

func newKeysRetire(path func() string) *cobra.Command {
	return &cobra.Command{
		Use:   "retire EPOCH",
		Short: "End the overlap: the previous epoch is only searched from now on",
		Args:  someArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			epoch, err := epochArg(args[0])
			if err != nil {
				return err
			}
			if err := fingerprint.Retire(path(), epoch); err != nil {
				return missingRing(err, path())
			}
			fmt.Fprintf(c.OutOrStdout(), "epoch %d is searched, and stamped no more\n", epoch)
			return nil
		},
	}
}

func newKeysDestroy(path func() string) *cobra.Command {
	var forget bool
	var where search
	c := &cobra.Command{
		Use:   "destroy EPOCH",
		Short: "Destroy the key of an epoch that is only searched; refused while the archive holds the epoch",
		Args:  someArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			epoch, err := epochArg(args[0])
			if err != nil {
				return err
			}
			where.keyring = path() // it may be what the journal is sealed with
			err = fingerprint.Destroy(path(), epoch, fingerprint.DestroyOptions{
				Forget: forget, Holds: func(epoch int) (bool, error) { return holds(c, &where, epoch) },
			})
			if errors.Is(err, fingerprint.ErrEpochHeld) {
				return hint(err, "wait until retention has removed it, or pass --forget: those events can then be searched by owner only, and what the journal still holds under its key is lost")
			}
			if err != nil {
				return missingRing(err, path())
			}
			fmt.Fprintf(c.OutOrStdout(), "epoch %d is destroyed; only its check value is left\n", epoch)
			return nil
		},
	}
	c.Flags().BoolVar(&forget, "forget", false, "destroy it although the archive holds it")
	where.folders(c)
	return c
}

// holds asks the archive, and the journal where there is one, whether anything stands that epoch has stamped or sealed.
func holds(c *cobra.Command, where *search, epoch int) (bool, error) {
	if errors.Is(archiveStands(where.archive), fs.ErrNotExist) {
		return false, hint(fmt.Errorf("no archive at %s to ask whether it holds epoch %d", where.archive, epoch), "pass --archive, or --forget to destroy the key without asking")
	}
	store, err := where.open()
	if err != nil {
		return false, err
	}
	held, err := store.Epochs(c.Context())
	for _, e := range held {
		if e.Epoch == epoch {
			return true, nil
		}
	}
	if err != nil {
		return false, err
	}
	return where.seals(epoch)
}

func newKeysList(path func() string) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the epochs with their state and check value, newest first; never a key",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ring, err := loadRing(path())
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
			fmt.Fprintf(w, "EPOCH\tSTATE\tCHECK VALUE\tCREATED\tIN FORCE FROM\n")
			for _, e := range ring.Epochs() {
				fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", e.Number, e.State, e.Check, when(e.Created), when(e.NotBefore))
			}
			return w.Flush()
		},
	}
}

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func epochArg(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, usage("epoch must be a positive number, found %s", shown(text))
	}
	return n, nil
}

func missingRing(err error, path string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return hint(fmt.Errorf("no key ring at %s", path), "make one with: keytrail keys init --keyring "+path)
	}
	return err
}
