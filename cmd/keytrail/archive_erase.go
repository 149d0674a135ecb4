package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/loki"
	"github.com/keytrail/keytrail/internal/query"
)

func newArchiveErase(p *place) *cobra.Command {
	var o archive.EraseOptions
	var s signing
	var l lokiFlags
	c := &cobra.Command{
		Use:   "erase",
		Short: "Erase one owner, principal or token: tombstone, rewritten blocks, alias, signed receipt",
		Long: "Erase one owner, principal or token: tombstone, rewritten blocks, alias, signed receipt.\n" +
			"What stays is listed with its reason: rows of locked classes, rows under a hold, and what other systems have.",
		Example: "  keytrail archive erase --owner u-007 --dry-run\n  keytrail archive erase --owner u-007 --reason request-118",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Fingerprint, o.Principal = strings.ToLower(o.Fingerprint), strings.ToLower(o.Principal)
			o.By, o.Now = orUser(o.By), time.Now()
			if n := count(o.Owner, o.Principal, o.Fingerprint); n != 1 {
				return usage("exactly one of --owner, --principal and --fingerprint says who is erased, found %d", n)
			}
			if !o.DryRun {
				key, err := s.load()
				if err != nil {
					return err
				}
				o.Signer = key
			}
			var err error
			if o.Copies, err = l.copies(); err != nil {
				return err
			}
			b, err := p.open(c, o.DryRun)
			if err != nil {
				return err
			}
			r, err := archive.Erase(c.Context(), b, o)
			if errors.Is(err, archive.ErrNothingToErase) {
				return hint(err, "check the spelling; --unseen leaves a tombstone all the same, for records that lie in a journal")
			}
			var refused *loki.PushError
			if errors.As(err, &refused) {
				return hint(err, "no row was erased yet; the same command begins again, and without --loki it leaves Loki's copy")
			}
			if err != nil {
				return err
			}
			return p.erased(c, r, o.DryRun)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Owner, "owner", "", "owner id")
	f.StringVar(&o.Principal, "principal", "", "principal (kp…)")
	f.StringVar(&o.Fingerprint, "fingerprint", "", "whole fingerprint (kt<epoch>_<32 hex>)")
	f.BoolVar(&o.DryRun, "dry-run", false, "say what would go and what would stay, and change nothing")
	f.BoolVar(&o.Unseen, "unseen", false, "leave a tombstone although the archive holds nothing of the subject")
	f.StringVar(&o.Reason, "reason", "", "why, such as the number of the request; it stands in the receipt, so name no person")
	f.StringVar(&o.By, "by", "", "who erases (default: the user of this system)")
	s.flag(c)
	l.flag(c)
	return c
}

func count(values ...string) (n int) {
	for _, v := range values {
		if v != "" {
			n++
		}
	}
	return n
}

// erased prints the report: what went block by block, what stays line by line.
func (p *place) erased(c *cobra.Command, r *archive.EraseReport, dry bool) error {
	records := make([][]any, 0, len(r.Touched)+len(r.Stays))
	for _, t := range r.Touched {
		records = append(records, []any{"erase", t.Rows, t.Key, ""})
	}
	for _, s := range r.Stays {
		why := string(s.Why)
		if s.Until != nil {
			why += " until " + when(*s.Until)
		}
		records = append(records, []any{"stays", s.Rows, s.What, why})
	}
	for _, q := range r.Copies {
		records = append(records, []any{q.Copy, int64(0), "class " + q.Class + ", request " + q.ID, string(q.State)})
	}
	if err := p.print(c, eraseFields, records); err != nil {
		return err
	}
	if dry {
		p.say(c, "would erase %d rows of %d blocks (%d bytes), looked at %d blocks; nothing was changed", r.Rows, len(r.Touched), r.Bytes, r.Scanned)
		return nil
	}
	w := r.Rewritten
	p.say(c, "erased %d rows of %d blocks, kept %d of others in %d bytes; alias %s; %d rows left; receipt %s", w.Dropped-r.Others, len(r.Touched), w.RowsOut, w.BytesOut, r.Alias, r.Left, r.Receipt)
	if r.Others > 0 {
		p.say(c, "%d rows of earlier erasures went along: no hold keeps them any more", r.Others)
	}
	if w.RowsIn != w.RowsOut+w.Dropped+w.Duplicates {
		return fmt.Errorf("%d rows went in, %d came out and %d were erased", w.RowsIn, w.RowsOut, w.Dropped)
	}
	return nil
}

var eraseFields = []query.Field{{Key: "action"}, {Key: "rows"}, {Key: "what"}, {Key: "why"}}
