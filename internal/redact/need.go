package redact

import (
	"math/bits"
	"regexp/syntax"
)

// byteSet is a set of bytes. What is beyond ASCII is in it as a whole or not at all.
type byteSet [256]bool

// need is what every match of an expression holds: at least so many bytes of a set in a row.
type need struct {
	set  byteSet
	size int // of the set
	run  int
}

// weight is how much text without the run an expression is spared: a longer run of fewer letters is rarer.
func (n *need) weight() int {
	if n.run == 0 || n.size == 0 {
		return 0
	}
	return n.run * (8 - bits.Len(uint(n.size)) + 1)
}

// needOf derives the run that serves best.
func needOf(re *syntax.Regexp) need {
	switch re.Op {
	case syntax.OpLiteral, syntax.OpCharClass:
		n, _ := letters(re)
		return n
	case syntax.OpCapture, syntax.OpPlus:
		if n, ok := letters(re); ok {
			return n
		}
		return needOf(re.Sub[0])
	case syntax.OpRepeat:
		if n, ok := letters(re); ok {
			return n
		}
		if re.Min > 0 {
			return needOf(re.Sub[0])
		}
	case syntax.OpConcat:
		return needOfConcat(re)
	case syntax.OpAlternate:
		return needOfAlternate(re)
	}
	return need{}
}

// maxMerged bounds how many different bytes a run of several parts may have: the runs of text that are joined by more
// are all of it.
const maxMerged = 80

// needOfConcat takes the best part, or the best sequence of parts that are runs themselves.
func needOfConcat(re *syntax.Regexp) need {
	var best, run need
	for _, sub := range re.Sub {
		if n := needOf(sub); n.weight() > best.weight() {
			best = n
		}
		part, ok := letters(sub)
		if !ok {
			run = need{}
			continue
		}
		if merged := run.union(&part); merged.size <= maxMerged {
			merged.run = run.run + part.run
			run = merged
		} else {
			run = part
		}
		if run.weight() > best.weight() {
			best = run
		}
	}
	return best
}

func needOfAlternate(re *syntax.Regexp) need {
	var all need
	for i, sub := range re.Sub {
		n := needOf(sub)
		if n.run == 0 {
			return need{}
		}
		if i == 0 {
			all = n
			continue
		}
		run := min(all.run, n.run)
		all = all.union(&n)
		all.run = run
	}
	return all
}

func (n need) union(other *need) need {
	for c, in := range other.set {
		if in && !n.set[c] {
			n.set[c] = true
			n.size++
		}
	}
	return n
}

// letters describes an expression whose matches are of one set of bytes from end to end: the set, and how many of them
// there are at least.
func letters(re *syntax.Regexp) (n need, ok bool) {
	switch re.Op {
	case syntax.OpLiteral:
		fold := re.Flags&syntax.FoldCase != 0
		for _, r := range re.Rune {
			n.add(r, r)
			if fold {
				n.addFolded(r)
			}
		}
		n.run = len(re.Rune)
		return n, true
	case syntax.OpCharClass:
		for i := 0; i < len(re.Rune); i += 2 {
			n.add(re.Rune[i], re.Rune[i+1])
		}
		n.run = 1
		return n, true
	case syntax.OpCapture:
		return letters(re.Sub[0])
	case syntax.OpPlus:
		return letters(re.Sub[0])
	case syntax.OpStar, syntax.OpQuest:
		n, ok = letters(re.Sub[0])
		n.run = 0
		return n, ok
	case syntax.OpRepeat:
		n, ok = letters(re.Sub[0])
		n.run *= re.Min
		return n, ok
	}
	return need{}, false
}

func (n *need) add(from, to rune) {
	for r := from; r <= min(to, 0x7f); r++ {
		if !n.set[r] {
			n.set[r] = true
			n.size++
		}
	}
	if to >= 0x80 && !n.set[0x80] {
		for c := 0x80; c < 0x100; c++ {
			n.set[c] = true
			n.size++
		}
	}
}

// addFolded adds the other case of a letter. Beyond ASCII only k and s have one, and no token is written with those.
func (n *need) addFolded(r rune) {
	switch {
	case 'a' <= r && r <= 'z':
		n.add(r-'a'+'A', r-'a'+'A')
	case 'A' <= r && r <= 'Z':
		n.add(r-'A'+'a', r-'A'+'a')
	default:
		n.add(0x80, 0x80)
	}
}

// met reports whether s has the run. Such a run covers the last byte of every window of that length inside it, so that
// windows are judged from their end and most bytes of other text are not read.
func (n *need) met(s string) bool {
	if n.run == 0 {
		return true
	}
	for start := 0; start+n.run <= len(s); {
		i := start + n.run - 1
		for i >= start && n.set[s[i]] {
			i--
		}
		if i < start {
			return true
		}
		start = i + 1
	}
	return false
}
