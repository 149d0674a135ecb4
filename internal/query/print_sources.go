package query

import (
	"cmp"
	"io"
	"strconv"
)

// SourceRow is a line of the table of sources with the verdict on its source.
type SourceRow struct {
	SourceLine
	Sight Sight
}

// PrintSources renders the sources as a table. A source that sent nothing has a row of its own.
func PrintSources(w io.Writer, list []SourceRow) error {
	rows := make([][]string, 0, len(list))
	for _, l := range list {
		share := func(n int) string {
			if l.Requests == 0 {
				return ""
			}
			return percent(n, l.Requests)
		}
		rows = append(rows, []string{
			cmp.Or(l.Source, "-"), cmp.Or(l.Format, "-"), strconv.Itoa(l.Requests), share(l.Visible), share(l.Masked), share(l.Truncated),
			share(l.ID), share(l.None), stamp(l.Last), string(l.Sight),
		})
	}
	return writeTable(w, []column{
		{name: "SOURCE", limit: 40}, {name: "FORMAT", limit: 24}, {name: "REQUESTS", right: true}, {name: "VISIBLE", right: true},
		{name: "MASKED", right: true}, {name: "CUT", right: true}, {name: "ID ONLY", right: true}, {name: "NONE", right: true},
		{name: "LAST EVENT"}, {name: "VERDICT"},
	}, rows)
}
