package gateway

import "bytes"

// elements adds the elements of the array that is the first member of the object raw, if it is the member of that
// name. Members behind it say nothing of a single record and are left.
func (o *opener) elements(raw []byte, name string) bool {
	start, ok := firstArray(raw, name)
	if !ok {
		return false
	}
	s := splitter{body: raw, pos: start, limit: o.limits.Records - len(o.bundle.Records), carried: o.carried()}
	s.array()
	if s.full {
		o.failed = &SplitError{Reason: ReasonTooManyRecords, Limit: o.limits.Records}
		return true
	}
	if end := skipBlank(raw, s.pos); end < len(raw) && raw[end] != ',' &&
		(raw[end] != '}' || skipBlank(raw, end+1) < len(raw)) {
		return false // several envelopes, one after the other
	}
	o.addAll(s.records)
	return true
}

// firstArray returns where the array begins that is the first member of an object and has that name.
func firstArray(raw []byte, name string) (start int, ok bool) {
	i := skipBlank(raw, 1)
	member := `"` + name + `"`
	if i > len(raw) || !bytes.HasPrefix(raw[i:], []byte(member)) {
		return 0, false
	}
	if i = skipBlank(raw, i+len(member)); i >= len(raw) || raw[i] != ':' {
		return 0, false
	}
	i = skipBlank(raw, i+1)
	return i, i < len(raw) && raw[i] == '[' && opensArray(raw, i)
}
