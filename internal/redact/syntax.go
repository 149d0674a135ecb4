package redact

import (
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What can be told of an expression's matches by its syntax alone.

// unbounded is the longest match of an expression that has none.
const unbounded = -1

// longest is how many bytes a match of re can have.
func longest(re *syntax.Regexp) int {
	switch re.Op {
	case syntax.OpLiteral:
		n := 0
		for _, r := range re.Rune {
			n += widest(re, r)
		}
		return n
	case syntax.OpCharClass:
		n := 1
		for _, r := range re.Rune {
			n = max(n, utf8.RuneLen(min(r, utf8.MaxRune)))
		}
		return n
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return utf8.UTFMax
	case syntax.OpCapture, syntax.OpQuest:
		return longest(re.Sub[0])
	case syntax.OpStar, syntax.OpPlus:
		return times(longest(re.Sub[0]), unbounded)
	case syntax.OpRepeat:
		return times(longest(re.Sub[0]), re.Max)
	case syntax.OpConcat:
		sum := 0
		for _, sub := range re.Sub {
			n := longest(sub)
			if n == unbounded {
				return unbounded
			}
			sum += n
		}
		return sum
	case syntax.OpAlternate:
		most := 0
		for _, sub := range re.Sub {
			n := longest(sub)
			if n == unbounded {
				return unbounded
			}
			most = max(most, n)
		}
		return most
	}
	return 0
}

// widest is how many bytes a letter can take: a folded k is also the sign of the Kelvin, of three bytes.
func widest(re *syntax.Regexp, r rune) int {
	n := utf8.RuneLen(r)
	if re.Flags&syntax.FoldCase != 0 {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			n = max(n, utf8.RuneLen(f))
		}
	}
	return n
}

func times(n, count int) int {
	switch {
	case n == 0:
		return 0
	case n == unbounded || count == unbounded:
		return unbounded
	}
	return n * count
}

// maxSpelled bounds how many strings an expression is spelled out into.
const maxSpelled = 256

// maxSpelledClass bounds how many letters of one place are: all letters and figures.
const maxSpelledClass = 64

// spell lists every string that re matches, in lower letters; nil where they are too many.
func spell(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpEndText, syntax.OpBeginLine, syntax.OpEndLine,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return []string{""}
	case syntax.OpLiteral:
		return []string{strings.ToLower(string(re.Rune))}
	case syntax.OpCharClass:
		return spellClass(re.Rune)
	case syntax.OpCapture:
		return spell(re.Sub[0])
	case syntax.OpQuest:
		return join([]string{""}, spell(re.Sub[0]))
	case syntax.OpRepeat:
		if re.Min != re.Max || re.Max > 8 {
			return nil
		}
		all := []string{""}
		for range re.Max {
			all = cross(all, spell(re.Sub[0]))
		}
		return all
	case syntax.OpConcat:
		all := []string{""}
		for _, sub := range re.Sub {
			all = cross(all, spell(sub))
		}
		return all
	case syntax.OpAlternate:
		all := []string{}
		for _, sub := range re.Sub {
			all = join(all, spell(sub))
		}
		return all
	}
	return nil
}

func spellClass(ranges []rune) []string {
	var all []string
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			if len(all) == maxSpelledClass {
				return nil
			}
			all = append(all, strings.ToLower(string(r)))
		}
	}
	return dedupe(all)
}

func join(a, b []string) []string {
	if a == nil || b == nil || len(a)+len(b) > maxSpelled {
		return nil
	}
	return dedupe(append(a[:len(a):len(a)], b...))
}

func cross(a, b []string) []string {
	if a == nil || b == nil || len(a)*len(b) > maxSpelled {
		return nil
	}
	all := make([]string, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			all = append(all, x+y)
		}
	}
	return dedupe(all)
}

func dedupe(list []string) []string {
	seen := map[string]bool{}
	kept := list[:0:0]
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			kept = append(kept, s)
		}
	}
	return kept
}

// factors calls each with sets of strings: a match of re holds a string of every set. It stops where each says so.
func factors(re *syntax.Regexp, each func(set []string) (enough bool)) bool {
	switch re.Op {
	case syntax.OpConcat:
		run := []string{""}
		for _, sub := range re.Sub {
			if next := cross(run, spell(sub)); next != nil {
				run = next
				continue
			}
			if each(run) || factors(sub, each) {
				return true
			}
			if run = spell(sub); run == nil {
				run = []string{""}
			}
		}
		return each(run)
	case syntax.OpCapture, syntax.OpPlus:
		return factors(re.Sub[0], each)
	case syntax.OpRepeat:
		return re.Min > 0 && factors(re.Sub[0], each)
	}
	if all := spell(re); all != nil {
		return each(all)
	}
	return false
}

// always reports whether every match of re holds one of the words.
func always(re *syntax.Regexp, words []string) bool {
	holds := func(set []string) bool {
		for _, s := range set {
			if !holdsAny(s, words) {
				return false
			}
		}
		return true
	}
	if re.Op == syntax.OpCapture {
		return always(re.Sub[0], words)
	}
	if re.Op == syntax.OpAlternate && spell(re) == nil {
		for _, sub := range re.Sub {
			if !always(sub, words) {
				return false
			}
		}
		return true
	}
	if factors(re, holds) {
		return true
	}
	if re.Op == syntax.OpConcat {
		for _, sub := range re.Sub {
			if sub.Op != syntax.OpConcat && always(sub, words) {
				return true
			}
		}
	}
	return false
}

func holdsAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// ownWords are words of which every match of re holds one, for a rule that names none: of all the sets that would do,
// the one whose shortest word is longest. It is nil where there is none worth looking for.
func ownWords(re *syntax.Regexp) []string {
	var best []string
	most := shortestWord
	factors(re, func(set []string) bool {
		short := 1 << 30
		for _, s := range set {
			short = min(short, len(s))
		}
		if short > most {
			best, most = set, short
		}
		return false
	})
	return best
}
