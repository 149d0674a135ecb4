package redact

import "strings"

// literals finds many words in a text, in either case. It reads the text two bytes at a time: three letters in a row
// that stand in a word are looked up in a bitmap, and only where they may begin one the words themselves are compared.
//
// A word of four letters or more has two such sequences, one letter apart, so that one of them is met wherever the word
// begins. Of the sequences of a word the ones are taken that ordinary text has least.
type literals struct {
	words   []string
	may     [1 << 15 / 64]uint64
	at      [1 << 15]uint16 // index into buckets of a sequence, 0 without one
	buckets [][]entry
	atEnd   []int // words of two letters: at the end of a text no third one follows
}

// entry says that a word may stand where its three letters were met.
type entry struct {
	word int
	back int // from the letters to the word's beginning
}

// shortestWord is the length below which a word would be met everywhere.
const shortestWord = 2

func newLiterals(words []string) *literals {
	l := &literals{words: words, buckets: make([][]entry, 1)}
	for n, w := range words {
		switch {
		case len(w) > 3:
			at := rarest(w)
			l.put(code(w, at), n, at)
			l.put(code(w, at+1), n, at+1)
		case len(w) == 3:
			l.put(code(w, 0), n, 0)
			l.putBehindAny(w, n)
		default:
			for c := range byte(32) {
				l.put(code(w+string([]byte{c}), 0), n, 0)
			}
			l.putBehindAny(w, n)
			l.atEnd = append(l.atEnd, n)
		}
	}
	return l
}

// putBehindAny registers the first two letters of a word behind any other.
func (l *literals) putBehindAny(w string, n int) {
	for c := range byte(32) {
		l.put(code(string([]byte{c})+w[:2], 0), n, -1)
	}
}

func (l *literals) put(c uint16, word, back int) {
	l.may[c/64] |= 1 << (c % 64)
	if l.at[c] == 0 {
		l.at[c] = uint16(len(l.buckets))
		l.buckets = append(l.buckets, nil)
	}
	l.buckets[l.at[c]] = append(l.buckets[l.at[c]], entry{word, back})
}

// code is three bytes by their low five bits, which tells letters apart and not their case.
func code(s string, i int) uint16 {
	return uint16(s[i]&31)<<10 | uint16(s[i+1]&31)<<5 | uint16(s[i+2]&31)
}

// rarest is the offset in w of the two sequences that ordinary text has least.
func rarest(w string) int {
	best, fewest := 0, 1<<30
	for i := 0; i+4 <= len(w); i++ {
		if n := ordinary[code(w, i)] + ordinary[code(w, i+1)]; n < fewest {
			best, fewest = i, n
		}
	}
	return best
}

// ordinary counts the sequences of text as requests have it.
var ordinary = func() map[uint16]int {
	const text = `application/json text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8 gzip, deflate, br
Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36
Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) (iPhone; CPU iPhone OS 17_1 like Mac OS X) Version/17.1 Mobile Firefox
en-US,en;q=0.9 keep-alive no-cache max-age=0 multipart/form-data; boundary= charset=utf-8 x-www-form-urlencoded
https://www.example.com/api/v1/users/orders/invoices/sessions/tokens/auth/services/search/products/items/account/status
content-type content-length accept-encoding accept-language user-agent host origin referer forwarded request response
page=2&limit=50&sort=created_at&order=desc&filter=active&id= started finished connection refused timeout upstream error
failed to connect to server: context deadline exceeded while reading response header from upstream level=info msg=
request with the value of this key was not found for user in the database because access to the resource is denied
python-requests okhttp curl go-http-client java node-fetch axios postman kubernetes default internal production cluster`
	m := map[uint16]int{}
	for i := 0; i+3 <= len(text); i++ {
		m[code(text, i)]++
	}
	return m
}()

// hit is one word found.
type hit struct{ word, start int }

// find appends where words stand in s, in the order of their beginnings but for a few letters.
func (l *literals) find(s string, hits []hit) []hit {
	i := 0
	for i+4 < len(s) {
		if c := code(s, i); l.may[c/64]>>(c%64)&1 != 0 {
			hits = l.verify(s, i, c, hits)
		}
		if c := code(s, i+2); l.may[c/64]>>(c%64)&1 != 0 {
			hits = l.verify(s, i+2, c, hits)
		}
		i += 4
	}
	for ; i+2 < len(s); i += 2 {
		if c := code(s, i); l.may[c/64]>>(c%64)&1 != 0 {
			hits = l.verify(s, i, c, hits)
		}
	}
	for _, n := range l.atEnd {
		if start := len(s) - len(l.words[n]); start >= 0 && start%2 == 0 && strings.EqualFold(s[start:], l.words[n]) {
			hits = append(hits, hit{n, start})
		}
	}
	return hits
}

func (l *literals) verify(s string, i int, c uint16, hits []hit) []hit {
	for _, e := range l.buckets[l.at[c]] {
		start, w := i-e.back, l.words[e.word]
		if start >= 0 && len(s)-start >= len(w) && sameFold(s[start:start+len(w)], w) {
			hits = append(hits, hit{e.word, start})
		}
	}
	return hits
}

// in reports whether s holds one of the words.
func (l *literals) in(s string) bool {
	var buf [8]hit
	return len(l.find(s, buf[:0])) > 0
}

// sameFold compares s with a word in lower letters.
func sameFold(s, word string) bool {
	for i := 0; i < len(word); i++ {
		if c := s[i]; c != word[i] && (c < 'A' || c > 'Z' || c+'a'-'A' != word[i]) {
			return false
		}
	}
	return true
}
