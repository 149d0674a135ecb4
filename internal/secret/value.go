package secret

import "strings"

// exactValue is a text to be removed from everywhere.
type exactValue struct {
	raw
	rank rank // where it stood
	rare byte // of its bytes: a text without it need not be searched
}

// rareByte returns a byte of v that ordinary text seldom has: logs are mostly small letters, with some digits.
func rareByte(v string) byte {
	digit := v[0]
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case 'A' <= c && c <= 'Z':
			return c
		case '0' <= c && c <= '9':
			digit = c
		}
	}
	return digit
}

// addValue remembers a text to be removed from everywhere. Where there are too many, the ones from the better places
// stay: a flood of junk must not push out the credential that the server reads.
func (p *Pass) addValue(v string, r rank) {
	if len(v) < shortestValue || p.hasValue(v) {
		return
	}
	if strings.Contains(placeholderPrefix+":", v) {
		return // a part of our own text: to look for it in replacements would never end
	}
	value := exactValue{hide(v), r, rareByte(v)}
	if len(p.values) < maxValues {
		p.values = append(p.values, value)
	} else {
		worst := 0
		for i := range p.values {
			if p.values[i].rank >= p.values[worst].rank {
				worst = i
			}
		}
		if p.values[worst].rank <= r {
			return
		}
		p.values[worst] = value
		p.encoded.reset()
	}
	if p.shortest == 0 || len(v) < p.shortest {
		p.shortest = len(v)
	}
	p.encoded.expect(v)
}

func (p *Pass) hasValue(v string) bool {
	for i := range p.values {
		if p.values[i].reveal() == v {
			return true
		}
	}
	return false
}
