package gateway

import (
	"strconv"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// restSet keeps the fields of a gateway that have no standard name, as <format>.<its.own.path>.
type restSet struct {
	list  []event.Attr
	path  []byte // the key of the object being walked, with its closing dot
	root  int    // length of path at the top: the format's name
	other []string
}

const (
	// maxRest is four times the fields of the widest record we know (Kong with route, service and consumer). What is
	// beyond is folded into <format>.other.
	maxRest = 192
	// maxRestKey is longer than any path a gateway writes; a longer one is folded too.
	maxRestKey = 160
	// maxFlat is how many levels become keys of their own; below, a value is kept as its JSON text.
	maxFlat = 5
)

func (s *restSet) begin(format string) {
	s.path = append(append(s.path[:0], format...), '.')
	s.root = len(s.path)
	s.list, s.other = s.list[:0], nil
}

func (s restSet) released() restSet {
	clear(s.list)
	return restSet{list: s.list[:0], path: s.path[:0]}
}

// string keeps one text, unless it is nothing or the dash that stands for nothing.
func (s *restSet) string(name, v string) {
	if v != "" && v != "-" {
		s.put(name, event.String(v))
	}
}

func (s *restSet) put(name string, v event.Value) {
	path := append(s.path, name...)
	s.path = path[:len(s.path)] // keeps the room that the name took
	if len(path) > maxRestKey || len(s.list) >= maxRest {
		s.other = append(s.other, string(path[s.root:])+": "+v.Text())
		return
	}
	key := fieldKeys.getBytes(path)
	for i := range s.list {
		if s.list[i].Key == key {
			s.list[i].Value = v
			return
		}
	}
	s.list = append(s.list, event.Attr{Key: key, Value: v})
}

// enter and leave walk the path of nested objects.
func (s *restSet) enter(name string) (mark int) {
	mark = len(s.path)
	s.path = append(append(s.path, name...), '.')
	return mark
}

func (s *restSet) leave(mark int) { s.path = s.path[:mark] }

// node keeps the value at index i of doc, flattened.
func (s *restSet) node(doc *jsondoc.Doc, i int) { s.flatten(doc, i, 1) }

func (s *restSet) flatten(doc *jsondoc.Doc, i, level int) {
	n := doc.Node(i)
	if n.Kind == jsondoc.Object && level < maxFlat {
		mark := s.enter(n.Key)
		for c := range doc.Children(i) {
			s.flatten(doc, c, level+1)
		}
		s.leave(mark)
		return
	}
	if v := valueOf(doc, i); v.Kind() != event.KindEmpty {
		s.put(n.Key, v)
	}
}

func (s *restSet) write(a *event.Attrs) {
	*a = append(*a, s.list...)
	if len(s.other) > 0 {
		a.Add(string(s.path[:s.root])+"other", event.Strings(s.other))
	}
}

// valueOf keeps the type of a value; null, nothing and the dash that stands for nothing are empty.
func valueOf(doc *jsondoc.Doc, i int) event.Value {
	n := doc.Node(i)
	switch n.Kind {
	case jsondoc.String:
		if n.Text == "" || n.Text == "-" {
			return event.Value{}
		}
		return event.String(n.Text)
	case jsondoc.Number:
		return number(n.Text)
	case jsondoc.True, jsondoc.False:
		return event.Bool(n.Kind == jsondoc.True)
	case jsondoc.Object, jsondoc.Array:
		return nested(doc, i)
	}
	return event.Value{}
}

func number(text string) event.Value {
	if v, err := strconv.ParseInt(text, 10, 64); err == nil {
		return event.Int(v)
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		return event.Double(f)
	}
	return event.String(text) // out of range: the digits themselves
}

// nested keeps a list of strings as one, anything else as its JSON text; a repaired document's text may not be JSON.
func nested(doc *jsondoc.Doc, i int) event.Value {
	var list []string
	n, plain := doc.Node(i), true
	for _, c := range doc.Children(i) {
		if c.Kind != jsondoc.String {
			plain = false
			break
		}
		list = append(list, c.Text)
	}
	empty := doc.Len(i) == 0
	switch {
	case empty:
		return event.Value{}
	case plain && n.Kind == jsondoc.Array:
		return event.Strings(list)
	case doc.Repaired():
		return event.String(n.Text)
	}
	return event.JSON(n.Text)
}
