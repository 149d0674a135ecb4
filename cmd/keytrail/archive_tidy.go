package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/query"
)

// lifecycleBucket is a bucket whose store removes objects by rules of its own.
type lifecycleBucket interface {
	PutLifecycle(ctx context.Context, rules []bucket.Expiry) error
}

func newArchiveLifecycle(p *place) *cobra.Command {
	var apply bool
	c := &cobra.Command{
		Use:   "lifecycle",
		Short: "Print the expiry rules for the bucket, a backstop behind the sweeper; --apply sets them",
		Long: "Print the expiry rules for the bucket, a backstop behind the sweeper; --apply sets them.\n" +
			"They are of use only in an object store, and know nothing of holds: they are refused while one stands.",
		Example: "  keytrail archive lifecycle --archive s3://trail/prod",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b, err := p.open(c, !apply)
			if err != nil {
				return err
			}
			classes, err := archive.Classes(c.Context(), b)
			if err != nil {
				return err
			}
			rules := archive.LifecycleRules(classes)
			records := make([][]any, 0, len(rules))
			for _, r := range rules {
				records = append(records, []any{r.Name, r.Prefix, r.Days, r.Noncurrent})
			}
			if err := p.print(c, lifecycleFields, records); err != nil || !apply {
				return err
			}
			return p.applyLifecycle(c, b, rules)
		},
	}
	c.Flags().BoolVar(&apply, "apply", false, "set the rules on the bucket, beside those that are not Keytrail's")
	return c
}

var lifecycleFields = []query.Field{{Key: "name"}, {Key: "prefix"}, {Key: "days"}, {Key: "noncurrent_days"}}

func (p *place) applyLifecycle(c *cobra.Command, b bucket.Bucket, rules []bucket.Expiry) error {
	lb, ok := b.(lifecycleBucket)
	if !ok {
		return hint(errors.New("a directory has no lifecycle of its own"), "the sweeper of a running collector, or keytrail archive sweep, removes what has ended")
	}
	holds, err := archive.Holds(c.Context(), b)
	if err != nil {
		return err
	}
	if len(holds) > 0 {
		return hint(fmt.Errorf("%d holds stand, and the store's rules would remove what they keep", len(holds)), "lift them first, or leave retention to the sweeper")
	}
	if err := lb.PutLifecycle(c.Context(), rules); err != nil {
		return err
	}
	p.say(c, "%d rules are set", len(rules))
	return nil
}

func newArchiveSweep(p *place) *cobra.Command {
	var dry bool
	c := &cobra.Command{
		Use:     "sweep",
		Short:   "Remove what no class keeps any more, as a running collector does by itself",
		Example: "  keytrail archive sweep --dry-run",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b, err := p.open(c, dry)
			if err != nil {
				return err
			}
			r, err := archive.SweepWith(c.Context(), b, archive.SweepOptions{Now: time.Now(), DryRun: dry})
			if err != nil {
				return err
			}
			did := "removed"
			if dry {
				did = "would remove"
			}
			p.say(c, "%s %d blocks (%d rows, %d bytes), %d replaced blocks, %d commits and %d orphans; %d blocks stay, %d more are held and %d locked",
				did, r.Files, r.Rows, r.Bytes, r.Replaced, r.Commits, r.Orphans, r.Kept, r.Held, r.Locked)
			return nil
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "say what would go, and change nothing")
	return c
}

func newArchiveCompact(p *place) *cobra.Command {
	var o archive.CompactOptions
	c := &cobra.Command{
		Use:     "compact",
		Short:   "Merge small blocks, as a running collector does by itself",
		Example: "  keytrail archive compact",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b, err := p.open(c, false)
			if err != nil {
				return err
			}
			r, err := archive.Compact(c.Context(), b, o)
			switch {
			case r.Busy && err == nil:
				return hint(errors.New("another process compacts this archive"), "its lease runs out by itself; try again later")
			case r.Commits > 0 || err == nil:
				p.say(c, "merged %d blocks into %d in %d commits; %d rows in, %d out, %d double, %d erased", r.Inputs, r.Outputs, r.Commits, r.RowsIn, r.RowsOut, r.Duplicates, r.Dropped)
			}
			return err
		},
	}
	c.Flags().StringVar(&o.Staging, "staging", "", "directory for blocks in the making (default: that of the system)")
	return c
}
