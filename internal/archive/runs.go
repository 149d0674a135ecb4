package archive

import "sort"

// run is a range of rows [from, to). Lists of runs are sorted and disjoint.
type run struct{ from, to int64 }

func count(rows []run) (n int64) {
	for _, r := range rows {
		n += r.to - r.from
	}
	return n
}

// firstEndingAfter returns the index of the first run that reaches past row.
func firstEndingAfter(rows []run, row int64) int {
	return sort.Search(len(rows), func(i int) bool { return rows[i].to > row })
}

// overlap reports whether any run has a row in [first, end).
func overlap(rows []run, first, end int64) bool {
	i := firstEndingAfter(rows, first)
	return i < len(rows) && rows[i].from < end
}

// appendOverlap appends the parts of rows that lie in [first, end).
func appendOverlap(out, rows []run, first, end int64) []run {
	for i := firstEndingAfter(rows, first); i < len(rows) && rows[i].from < end; i++ {
		out = append(out, run{max(first, rows[i].from), min(end, rows[i].to)})
	}
	return out
}

// appendRow adds one row behind the last run.
func appendRow(rows []run, row int64) []run {
	if n := len(rows); n > 0 && rows[n-1].to == row {
		rows[n-1].to = row + 1
		return rows
	}
	return append(rows, run{row, row + 1})
}

// take splits off the first n rows.
func take(rows []run, n int64) (head, rest []run) {
	for i, r := range rows {
		if size := r.to - r.from; size > n {
			if n > 0 {
				head = append(head, run{r.from, r.from + n})
			}
			return head, append([]run{{r.from + n, r.to}}, rows[i+1:]...)
		} else {
			head = append(head, r)
			n -= size
		}
	}
	return head, nil
}
