package jsondoc

import (
	"iter"
	"strings"
)

// Kind is the type of a node.
type Kind uint8

// The kinds of nodes.
const (
	Null Kind = iota
	True
	False
	Number
	String
	Object
	Array
)

// Node is one value. An object's or array's children follow it in the document, up to its end.
type Node struct {
	Key  string // within an object
	Text string // of a string, unescaped; of a number, object or array, as it stands in the source
	Kind Kind
	end  int32 // index after the last descendant
}

// Doc is one parsed value. The zero Doc is ready for Parse, and Parse may be called again: nodes are reused, the
// strings of earlier documents stay what they were.
type Doc struct {
	nodes    []Node
	src      string
	pos      int
	decoded  strings.Builder // unescaped strings; never over len(src), so it never moves
	repaired bool
	maxNodes int
	maxDepth int
}

// Root returns the index of the document's value.
func (d *Doc) Root() int { return 0 }

// Node returns the node at index i.
func (d *Doc) Node(i int) *Node { return &d.nodes[i] }

// Repaired reports whether the text was not quite JSON.
func (d *Doc) Repaired() bool { return d.repaired }

// Children walks the children of the object or array at index i.
func (d *Doc) Children(i int) iter.Seq2[int, *Node] {
	return func(yield func(int, *Node) bool) {
		end := int(d.nodes[i].end)
		for c := i + 1; c < end; c = int(d.nodes[c].end) {
			if !yield(c, &d.nodes[c]) {
				return
			}
		}
	}
}

// Len returns the number of children of the object or array at index i.
func (d *Doc) Len(i int) int {
	n := 0
	for range d.Children(i) {
		n++
	}
	return n
}

// Get returns the index of the child named key of the object at index i. Of several the last counts, as in
// encoding/json.
func (d *Doc) Get(i int, key string) (int, bool) {
	at := -1
	if d.nodes[i].Kind != Object {
		return at, false
	}
	for c, n := range d.Children(i) {
		if n.Key == key {
			at = c
		}
	}
	return at, at >= 0
}

// Size is the number of nodes, the measure of the memory the document holds on to.
func (d *Doc) Size() int { return cap(d.nodes) }

// Release forgets the strings of the document, so that a pooled Doc keeps no record alive.
func (d *Doc) Release() {
	clear(d.nodes)
	d.nodes, d.src = d.nodes[:0], ""
	d.decoded.Reset()
}
