package redact

import "github.com/keytrail/keytrail/internal/secret/search"

// cardRule is the rule for the numbers of payment cards.
const cardRule = "payment-card"

const (
	shortestCard = 13
	longestCard  = 19
)

// findCards marks the numbers of payment cards: a number that an issuer could have given, of a length that he gives,
// with the right check digit, alone or in the groups in which cards show it. A number inside a longer word or next to
// another number is an id of something else.
func findCards(s string, dst []search.Match) []search.Match {
	for i := 0; ; {
		start, end, ok := cardRun(s, i)
		if !ok {
			return dst
		}
		if !bordered(s, start, end) {
			i = end
			continue
		}
		if cardNumber(s[start:end]) {
			dst = append(dst, search.Match{Start: start, End: end, Rule: cardRule})
		}
		i = end
	}
}

// cardRun returns the next run of digits with single spaces or hyphens between, of at least the shortest card's length.
// Text is judged from the end of windows of that length, so that most of it is not read.
func cardRun(s string, from int) (start, end int, ok bool) {
	for start = from; start+shortestCard <= len(s); {
		i := start + shortestCard - 1
		for i >= start && (digit(s[i]) || s[i] == ' ' || s[i] == '-') {
			i--
		}
		if i >= start {
			start = i + 1
			continue
		}
		for start < len(s) && !digit(s[start]) {
			start++
		}
		end = start
		for end < len(s) && (digit(s[end]) || (s[end] == ' ' || s[end] == '-') && end+1 < len(s) && digit(s[end+1])) {
			end++
		}
		return start, max(end, start), true
	}
	return 0, 0, false
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// bordered reports whether the number stands by itself: a letter, a point, a sign of base64 or of a path's version
// beside it makes it a part of something.
func bordered(s string, start, end int) bool {
	return (start == 0 || !joins(s[start-1])) && (end == len(s) || !joins(s[end]) || s[end] == '.' && (end+1 == len(s) || !alnum(s[end+1])))
}

func joins(c byte) bool {
	return alnum(c) || c == '_' || c == '-' || c == '.' || c == '+' || c == '%' || c == '#'
}

func alnum(c byte) bool { return digit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' }

// cardNumber reports whether s is a card's number, in one of the ways to group it.
func cardNumber(s string) bool {
	var digits [longestCard]byte
	var groups [longestCard]int
	n, parts := 0, 0
	separator := byte(0)
	for i := 0; i < len(s); i++ {
		if digit(s[i]) {
			if n == longestCard {
				return false
			}
			digits[n] = s[i] - '0'
			n++
			groups[parts]++
			continue
		}
		if separator != 0 && s[i] != separator || parts == longestCard-1 {
			return false
		}
		separator = s[i]
		parts++
	}
	return n >= shortestCard && (parts == 0 || grouped(groups[:parts+1])) && issued(digits[:n]) && luhn(digits[:n])
}

// grouped reports whether a number stands in fours, or as American Express and Diners write theirs.
func grouped(groups []int) bool {
	if len(groups) == 3 && groups[0] == 4 && groups[1] == 6 && (groups[2] == 5 || groups[2] == 4) {
		return true
	}
	last := len(groups) - 1
	for _, n := range groups[:last] {
		if n != 4 {
			return false
		}
	}
	return last >= 3 && groups[last] <= 4
}

// issuer is a range of issuer identification numbers, by their first four digits, and how long its numbers are.
type issuer struct{ from, to, shortest, longest int }

var issuers = []issuer{
	{4000, 4999, 16, 16},                       // Visa; its numbers of 13 digits were withdrawn, and milliseconds have 13
	{5100, 5599, 16, 16}, {2221, 2720, 16, 16}, // Mastercard
	{3400, 3499, 15, 15}, {3700, 3799, 15, 15}, // American Express
	{6011, 6011, 16, 16}, {6440, 6599, 16, 16}, // Discover
	{3528, 3589, 16, 16},                                             // JCB
	{3000, 3059, 14, 14}, {3600, 3699, 14, 14}, {3800, 3999, 14, 14}, // Diners Club
	{6200, 6299, 16, 16}, // UnionPay
}

func issued(d []byte) bool {
	first := int(d[0])*1000 + int(d[1])*100 + int(d[2])*10 + int(d[3])
	for _, i := range issuers {
		if i.from <= first && first <= i.to && i.shortest <= len(d) && len(d) <= i.longest {
			return true
		}
	}
	return false
}

// luhn checks the last digit as ISO/IEC 7812-1 has it.
func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		n := int(d[len(d)-1-i])
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}
