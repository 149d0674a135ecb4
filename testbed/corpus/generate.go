package corpus

import (
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
)

// maxRepeat bounds what a part without a bound of its own is repeated to, beyond its least.
const maxRepeat = 12

// Matching makes a text that expr matches from end to end as far as its syntax tells: assertions may still fail beside
// the parts that were drawn, so the text is drawn again until it matches, a bounded number of times.
func Matching(r *rand.Rand, expr string) (string, bool) {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return "", false
	}
	re := regexp.MustCompile(expr)
	for range 64 {
		var b strings.Builder
		write(&b, r, tree)
		if re.MatchString(b.String()) {
			return b.String(), true
		}
	}
	return "", false
}

func write(b *strings.Builder, r *rand.Rand, re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		for _, c := range re.Rune {
			b.WriteRune(plain(c))
		}
	case syntax.OpCharClass:
		b.WriteRune(pick(r, re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte(byte('a' + r.IntN(26)))
	case syntax.OpCapture:
		write(b, r, re.Sub[0])
	case syntax.OpQuest:
		repeat(b, r, re, 0, 1)
	case syntax.OpStar:
		repeat(b, r, re, 0, maxRepeat)
	case syntax.OpPlus:
		repeat(b, r, re, 1, maxRepeat)
	case syntax.OpRepeat:
		most := re.Max
		if most < 0 {
			most = re.Min + maxRepeat
		}
		repeat(b, r, re, re.Min, most)
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			write(b, r, sub)
		}
	case syntax.OpAlternate:
		write(b, r, re.Sub[r.IntN(len(re.Sub))])
	}
}

// repeat writes an optional part as often as it must be, and sometimes oftener: names and spaces around a secret are
// mostly short.
func repeat(b *strings.Builder, r *rand.Rand, re *syntax.Regexp, least, most int) {
	n := least
	if least > 0 && most > least {
		n += r.IntN(most - least + 1)
	}
	for range n {
		write(b, r, re.Sub[0])
	}
}

func plain(c rune) rune {
	if c < unicode.MaxASCII {
		return c
	}
	return unicode.SimpleFold(c)
}

// pick draws from a class: letters and figures if it has any, else any other byte of ASCII that shows.
func pick(r *rand.Rand, ranges []rune) rune {
	var word, shown, rest []rune
	for i := 0; i < len(ranges); i += 2 {
		for c := ranges[i]; c <= min(ranges[i+1], 0x7e); c++ {
			switch {
			case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
				word = append(word, c)
			case c > ' ':
				shown = append(shown, c)
			default:
				rest = append(rest, c)
			}
		}
	}
	for _, set := range [][]rune{word, shown, rest} {
		if len(set) > 0 {
			return set[r.IntN(len(set))]
		}
	}
	return '?'
}
