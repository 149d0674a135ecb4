package main

import (
	"errors"
	"fmt"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/query"
)

func newArchiveHold(p *place) *cobra.Command {
	c := &cobra.Command{
		Use:   "hold",
		Short: "Place, lift and list legal holds: what they keep outlives its class and outranks an erasure",
		Args:  knownCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newHoldAdd(p), newHoldRm(p), newHoldLs(p))
	return c
}

func newHoldAdd(p *place) *cobra.Command {
	var h archive.Hold
	var since, until string
	c := &cobra.Command{
		Use:     "add ID",
		Short:   "Place a hold on the rows of an owner, a principal, a token, or of a period",
		Long:    "Place a hold on the rows of an owner, a principal, a token, or of a period. A row is held by any of them, within the period.",
		Example: "  keytrail archive hold add case-17 --owner u-007 --reason 'order of 2 March'",
		Args:    someArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			now := time.Now()
			h.ID, h.By, h.Created = args[0], orUser(h.By), now.UTC()
			var err error
			if h.Since, err = moment(since, now); err != nil {
				return usage("since %w, found %s", err, shown(since))
			}
			if h.Until, err = moment(until, now); err != nil {
				return usage("until %w, found %s", err, shown(until))
			}
			h.Fingerprint = lower(h.Fingerprint)
			if err := h.Validate(); err != nil {
				return usageError{err}
			}
			b, err := p.open(c, false)
			if err != nil {
				return err
			}
			err = archive.AddHold(c.Context(), b, h)
			if errors.Is(err, bucket.ErrExists) {
				return hint(fmt.Errorf("hold %s stands already, or was lifted", h.ID), "keytrail archive hold ls, with --lifted or without, shows it; take another id")
			}
			if err != nil {
				return err
			}
			p.say(c, "hold %s is placed", h.ID)
			return nil
		},
	}
	f := c.Flags()
	f.StringArrayVar(&h.Owner, "owner", nil, "owner id")
	f.StringArrayVar(&h.Principal, "principal", nil, "principal (kp…)")
	f.StringArrayVar(&h.Fingerprint, "fingerprint", nil, "fingerprint, or a prefix of 8 hexadecimal digits or more")
	f.StringVar(&since, "since", "", "from this event time: a duration back such as 30d, or RFC 3339")
	f.StringVar(&until, "until", "", "before this event time, likewise")
	f.StringVar(&h.Reason, "reason", "", "why, such as the number of the case")
	f.StringVar(&h.By, "by", "", "who places it (default: the user of this system)")
	return c
}

func newHoldRm(p *place) *cobra.Command {
	var l archive.Lifting
	c := &cobra.Command{
		Use:   "rm ID",
		Short: "Lift a hold: what it alone kept goes at the next sweep, and erasures it outranked apply",
		Long: "Lift a hold: what it alone kept goes at the next sweep, and erasures it outranked apply.\n" +
			"That it stood, and who lifted it when and why, stays in the archive; whom it named does not.",
		Example: "  keytrail archive hold rm case-17 --reason 'settled on 3 May'",
		Args:    someArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			b, err := p.open(c, false)
			if err != nil {
				return err
			}
			l.ID, l.By, l.Lifted = args[0], orUser(l.By), time.Now()
			err = archive.LiftHold(c.Context(), b, l)
			if errors.Is(err, bucket.ErrNotFound) {
				return hint(fmt.Errorf("no such hold, found %s", shown(args[0])), "keytrail archive hold ls lists them")
			}
			if err != nil {
				return err
			}
			p.say(c, "hold %s is lifted", args[0])
			return nil
		},
	}
	c.Flags().StringVar(&l.Reason, "reason", "", "why, such as the number of the case; it stays in the archive, so name no person")
	c.Flags().StringVar(&l.By, "by", "", "who lifts it (default: the user of this system)")
	return c
}

func newHoldLs(p *place) *cobra.Command {
	var lifted bool
	c := &cobra.Command{
		Use:   "ls",
		Short: "List the holds that stand, or those that were lifted",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b, err := p.open(c, true)
			if err != nil {
				return err
			}
			if lifted {
				return p.liftings(c, b)
			}
			holds, err := archive.Holds(c.Context(), b)
			if err != nil {
				return err
			}
			records := make([][]any, 0, len(holds))
			for _, h := range holds {
				records = append(records, []any{h.ID, h.Owner, h.Principal, h.Fingerprint, h.Since, h.Until, h.By, h.Created, h.Reason})
			}
			return p.print(c, holdFields, records)
		},
	}
	c.Flags().BoolVar(&lifted, "lifted", false, "list those that were lifted, by whom and why")
	return c
}

var holdFields = []query.Field{
	{Key: "id"}, {Key: "owner", Limit: 40}, {Key: "principal", Limit: 40}, {Key: "fingerprint", Limit: 40}, {Key: "since"}, {Key: "until"},
	{Key: "by"}, {Key: "created"}, {Key: "reason", Limit: 60},
}

func (p *place) liftings(c *cobra.Command, b bucket.Bucket) error {
	list, err := archive.Liftings(c.Context(), b)
	if err != nil {
		return err
	}
	records := make([][]any, 0, len(list))
	for _, l := range list {
		records = append(records, []any{l.ID, l.Placed, l.Lifted, l.By, l.Reason})
	}
	return p.print(c, liftingFields, records)
}

var liftingFields = []query.Field{{Key: "id"}, {Key: "placed"}, {Key: "lifted"}, {Key: "by"}, {Key: "reason", Limit: 60}}

// orUser is who runs the command where nobody was named.
func orUser(by string) string {
	if by != "" {
		return by
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
