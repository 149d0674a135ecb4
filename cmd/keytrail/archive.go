package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/query"
)

// place holds the flags that every archive command has.
type place struct {
	archive string
	output  query.Output
}

func newArchive() *cobra.Command {
	p := &place{output: query.Table}
	c := &cobra.Command{
		Use:   "archive",
		Short: "List, check, tidy and prove the archive; place holds and erase a person",
		Args:  knownCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f := c.PersistentFlags()
	f.StringVar(&p.archive, "archive", archiveDefault(), archiveUsage)
	f.VarP(&p.output, "output", "o", "how to print")
	c.AddCommand(newArchiveLs(p), newArchiveVerify(p), newArchiveProve(p), newArchiveCompact(p), newArchiveSweep(p), newArchiveHold(p),
		newArchiveErase(p), newArchiveDigest(p), newArchiveKeygen(p), newArchiveLifecycle(p))
	return c
}

func (p *place) open(c *cobra.Command, readOnly bool) (bucket.Bucket, error) {
	return openArchive(c.Context(), p.archive, readOnly)
}

func (p *place) print(c *cobra.Command, fields []query.Field, records [][]any) error {
	return query.PrintRecords(c.OutOrStdout(), p.output, fields, records)
}

// say prints a sentence for people: beside a table, and on standard error beside an output for machines.
func (p *place) say(c *cobra.Command, format string, args ...any) {
	w := c.OutOrStdout()
	if p.output != query.Table {
		w = c.ErrOrStderr()
	}
	fmt.Fprintln(w, query.Visible(fmt.Sprintf(format, args...)))
}

func newArchiveLs(p *place) *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Short:   "List the blocks: class, day, rows, size, and until when the class keeps them",
		Example: "  keytrail archive ls --output csv",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b, err := p.open(c, true)
			if err != nil {
				return err
			}
			inv, err := archive.TakeInventory(c.Context(), b)
			if inv == nil {
				return err
			}
			var rows, bytes int64
			records := make([][]any, 0, len(inv.Blocks))
			for _, f := range inv.Blocks {
				rows, bytes = rows+f.Rows, bytes+f.Size
				records = append(records, []any{f.Class, f.Day, f.Level, f.Rows, f.Events, f.Size, f.MinTime, f.MaxTime, f.Until, f.Key})
			}
			if printed := p.print(c, blockFields, records); printed != nil {
				return printed
			}
			if p.output == query.Table {
				p.say(c, "%d blocks, %d rows, %d bytes, %d commits", len(inv.Blocks), rows, bytes, inv.Commits)
			}
			return err
		},
	}
}

var blockFields = []query.Field{
	{Key: "class"}, {Key: "day"}, {Key: "level"}, {Key: "rows"}, {Key: "events"}, {Key: "bytes"}, {Key: "first"}, {Key: "last"},
	{Key: "kept_until"}, {Key: "key"},
}
