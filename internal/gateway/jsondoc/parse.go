package jsondoc

import "errors"

// Errors of Parse. They never hold any of the text.
var (
	ErrMalformed = errors.New("malformed json")
	ErrTooDeep   = errors.New("json is nested too deep")
	ErrTooMany   = errors.New("json has too many values")
)

// Limits bound what one document may hold.
type Limits struct{ Depth, Nodes int }

// Parse reads text, which must hold exactly one value.
func (d *Doc) Parse(text string, l Limits) error {
	d.Release()
	d.src, d.pos, d.repaired = text, 0, false
	d.maxDepth, d.maxNodes = l.Depth, l.Nodes
	d.space()
	if err := d.value("", 0, false); err != nil {
		return err
	}
	d.space()
	if d.pos != len(d.src) {
		return ErrMalformed
	}
	return nil
}

func (d *Doc) add(kind Kind, key, text string) error {
	if len(d.nodes) >= d.maxNodes {
		return ErrTooMany
	}
	d.nodes = append(d.nodes, Node{Key: key, Text: text, Kind: kind, end: int32(len(d.nodes) + 1)})
	return nil
}

func (d *Doc) value(key string, depth int, member bool) error {
	if d.pos >= len(d.src) {
		return ErrMalformed
	}
	switch d.src[d.pos] {
	case '"':
		s, err := d.str()
		if err != nil {
			return err
		}
		return d.add(String, key, s)
	case '{', '[':
		return d.nested(key, depth+1)
	}
	return d.scalar(key, member)
}

// nested reads an object or an array.
func (d *Doc) nested(key string, depth int) error {
	if depth > d.maxDepth {
		return ErrTooDeep
	}
	start, kind, closing := d.pos, Object, byte('}')
	if d.src[start] == '[' {
		kind, closing = Array, ']'
	}
	at := len(d.nodes)
	if err := d.add(kind, key, ""); err != nil {
		return err
	}
	d.pos++
	if err := d.members(kind, closing, depth); err != nil {
		return err
	}
	d.nodes[at].Text = d.src[start:d.pos]
	d.nodes[at].end = int32(len(d.nodes))
	return nil
}

func (d *Doc) members(kind Kind, closing byte, depth int) error {
	d.space()
	if d.skip(closing) {
		return nil
	}
	for {
		var key string
		if kind == Object {
			var err error
			if key, err = d.member(); err != nil {
				return err
			}
		}
		if err := d.value(key, depth, kind == Object); err != nil {
			return err
		}
		d.space()
		if d.skip(closing) {
			return nil
		}
		if !d.skip(',') {
			return ErrMalformed
		}
		d.space()
		if d.skip(closing) { // a comma too many
			d.repaired = true
			return nil
		}
	}
}

// member reads a key and its colon.
func (d *Doc) member() (string, error) {
	if d.pos >= len(d.src) || d.src[d.pos] != '"' {
		return "", ErrMalformed
	}
	key, err := d.str()
	if err != nil {
		return "", err
	}
	d.space()
	if !d.skip(':') {
		return "", ErrMalformed
	}
	d.space()
	return key, nil
}

func (d *Doc) skip(c byte) bool {
	if d.pos < len(d.src) && d.src[d.pos] == c {
		d.pos++
		return true
	}
	return false
}

func (d *Doc) space() {
	for d.pos < len(d.src) {
		switch d.src[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}
