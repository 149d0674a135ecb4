package gateway

import (
	"bytes"
	"iter"
	"unicode/utf8"
)

// Split cuts a body into records and returns them with their index: one object, an array of objects, objects one
// after the other (NDJSON, pretty-printed, concatenated), or lines of text, and any of these in turn. The content
// type is not asked: gateways send one for the other.
//
// A broken record does not take its neighbours with it. It is cut where the next one can be recognised, and given
// out as it is, for the parser to reject. limit is how many records a body may have, MaxRecords if it is not
// positive; a body with more, without any, or of binary data is refused as a whole with a *SplitError. The slices
// are parts of body.
func Split(body []byte, limit int) (iter.Seq2[int, []byte], error) {
	if limit <= 0 {
		limit = MaxRecords
	}
	records, err := split(body, limit, nil)
	if err != nil {
		return nil, err
	}
	return func(yield func(int, []byte) bool) {
		for i := range records {
			if !yield(i, records[i].Raw) {
				return
			}
		}
	}, nil
}

func split(body []byte, limit int, carried *Carried) ([]Record, *SplitError) {
	s := splitter{body: bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), limit: limit, carried: carried}
	if isBinary(s.body) {
		return nil, &SplitError{Reason: ReasonBinary}
	}
	s.run()
	switch {
	case s.full:
		return nil, &SplitError{Reason: ReasonTooManyRecords, Limit: limit}
	case len(s.records) == 0 && !s.emptyArray:
		return nil, &SplitError{Reason: ReasonNoRecords}
	}
	return s.records, nil
}

// sniffLen is how much of a body tells text from binary data.
const sniffLen = 512

// isBinary tells MessagePack, compressed and other binary bodies from text by their beginning: no text begins with a
// control byte or half a character, and no log holds more than a few stray bytes.
func isBinary(b []byte) bool {
	b = b[:min(len(b), sniffLen)]
	start := b[skipBlank(b, 0):]
	if r, n := utf8.DecodeRune(start); n > 0 && (r < ' ' || r == utf8.RuneError && n == 1) {
		return true
	}
	stray := 0
	for i := 0; i+utf8.UTFMax <= len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == 0 || r == utf8.RuneError && n == 1 {
			stray++
		}
		i += n
	}
	return stray > len(b)/16
}

type splitter struct {
	body       []byte
	pos        int
	limit      int
	carried    *Carried // what the carrier says of each record
	records    []Record
	full       bool
	emptyArray bool
}

func (s *splitter) run() {
	for !s.full {
		s.pos = skipBlank(s.body, s.pos)
		if s.pos >= len(s.body) {
			return
		}
		switch {
		case s.body[s.pos] == '{':
			s.object()
		case s.body[s.pos] == '[' && opensArray(s.body, s.pos):
			s.array()
		default:
			s.line()
		}
	}
}

func (s *splitter) add(record []byte) {
	if len(s.records) >= s.limit {
		s.full = true
		return
	}
	s.records = append(s.records, Record{Raw: record, Carried: s.carried})
}

// object takes one balanced object; where it does not balance, its line is the broken record and the next line
// begins a new one.
func (s *splitter) object() {
	end, ok := scan(s.body, s.pos)
	if !ok {
		s.line()
		return
	}
	s.add(s.body[s.pos:end])
	s.pos = end
}

func (s *splitter) line() {
	end := len(s.body)
	if n := bytes.IndexByte(s.body[s.pos:], '\n'); n >= 0 {
		end = s.pos + n
	}
	s.add(bytes.TrimRight(s.body[s.pos:end], " \t\r"))
	s.pos = end
}

// array takes the elements of an array. One that does not balance ends where an element can begin again; see
// resume.
func (s *splitter) array() {
	s.pos++
	for first := true; !s.full; first = false {
		s.pos = skipBlank(s.body, s.pos)
		if s.pos >= len(s.body) { // cut off: what came before is whole
			return
		}
		if s.body[s.pos] == ']' {
			s.pos++
			s.emptyArray = s.emptyArray || first
			return
		}
		end, ok := scan(s.body, s.pos)
		if next := skipBlank(s.body, end); ok && next < len(s.body) && (s.body[next] == ',' || s.body[next] == ']') {
			s.add(s.body[s.pos:end])
			s.pos = next
		} else {
			end = resume(s.body, s.pos+1)
			s.add(bytes.TrimRight(s.body[s.pos:end], " \t\r\n,"))
			s.pos = end
		}
		if s.pos < len(s.body) && s.body[s.pos] == ',' {
			s.pos++
		}
	}
}

// opensArray tells an array of records from a line of text that begins with a bracket.
func opensArray(b []byte, i int) bool {
	i = skipBlank(b, i+1)
	return i >= len(b) || b[i] == '{' || b[i] == ']' || b[i] == '['
}

// skipBlank also skips the record separator of JSON text sequences and the NUL that pads some senders' buffers.
func skipBlank(b []byte, i int) int {
	for i < len(b) {
		switch b[i] {
		case ' ', '\t', '\r', '\n', 0x1e, 0:
			i++
		default:
			return i
		}
	}
	return i
}
