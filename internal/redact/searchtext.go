package redact

import (
	"slices"

	"github.com/keytrail/keytrail/internal/secret/search"
)

// scratch is the memory of one search, used again for the next.
type scratch struct {
	windows []window // by rule
	active  []int32  // rules whose window is open
	work    int      // bytes given to expressions
}

// window is a part of a text on which an expression is to run.
type window struct {
	open   bool
	lo, hi int
	done   int // all before is found already
}

// Search implements secret.Searcher: it appends where in text the rules find something. Where key is given, text is
// also read as what is assigned to it: adobe_client_secret with the value a1b2 is what adobe_client_secret="a1b2" is.
func (s *Set) Search(key, text string, dst []search.Match) []search.Match {
	dst, _ = s.search(key, text, dst)
	return dst
}

// search is Search; work is how many bytes it gave to expressions.
func (s *Set) search(key, text string, dst []search.Match) (_ []search.Match, work int) {
	if len(text) < shortestSecret {
		return dst, 0
	}
	if s.cards {
		dst = findCards(text, dst)
	}
	var buf [16]hit
	hits := s.words.find(text, buf[:0])
	if len(hits) > 0 || len(s.always) > 0 {
		dst, work = s.follow(text, hits, dst)
	}
	if key == "" || !s.ReadsKey(key) {
		return dst, work
	}
	dst, more := s.assigned(key, text, dst)
	return dst, work + more
}

// shortestSecret is below all that a rule takes for a secret.
const shortestSecret = 4

// follow asks the rules of the words that were found.
func (s *Set) follow(text string, hits []hit, dst []search.Match) ([]search.Match, int) {
	sc := s.pool.Get().(*scratch)
	defer s.pool.Put(sc)
	sc.active, sc.work = sc.active[:0], 0
	defer func() { // a rule may have failed: no window of this text may be open for the next
		for _, n := range sc.active {
			sc.windows[n] = window{}
		}
	}()
	for _, h := range hits {
		dst = s.met(sc, text, h, dst)
	}
	for _, n := range s.always {
		dst = s.rules[n].run(text, 0, len(text), &sc.work, dst)
	}
	for _, n := range sc.active {
		dst = s.close(sc, n, text, dst)
	}
	return dst, sc.work
}

// met opens or widens the windows of the rules of one word.
func (s *Set) met(sc *scratch, text string, h hit, dst []search.Match) []search.Match {
	end := h.start + len(s.words.words[h.word])
	sign := false
	asked := false
	for _, n := range s.byWord[h.word] {
		r, w := s.rules[n], &sc.windows[n]
		if h.start < w.done {
			continue
		}
		if r.assigns {
			if !asked {
				sign, asked = signed(text, end), true
			}
			if !sign {
				continue
			}
		}
		lo, hi := 0, len(text)
		if r.windowed {
			lo, hi = max(0, h.start-r.before), min(len(text), end+r.after)
		}
		switch {
		case !w.open:
			*w = window{true, lo, hi, w.done}
			sc.active = append(sc.active, n)
		case w.lo <= lo && hi <= w.hi:
		case lo <= w.hi && max(hi, w.hi)-min(lo, w.lo) <= maxWindow:
			w.lo, w.hi = min(w.lo, lo), max(w.hi, hi)
		default:
			dst = s.close(sc, n, text, dst)
			if w.lo, w.hi = lo, hi; h.start < w.done {
				w.hi = w.lo
			}
		}
	}
	return dst
}

// close runs a rule on its window.
func (s *Set) close(sc *scratch, n int32, text string, dst []search.Match) []search.Match {
	w, first := &sc.windows[n], len(dst)
	dst = s.rules[n].run(text, w.lo, w.hi, &sc.work, dst)
	for _, m := range dst[first:] {
		w.done = max(w.done, m.End)
	}
	return dst
}

// ReadsKey reports whether key holds the word of a rule for what is assigned to a name.
func (s *Set) ReadsKey(key string) bool {
	var buf [8]hit
	for _, h := range s.words.find(key, buf[:0]) {
		for _, n := range s.byWord[h.word] {
			if s.rules[n].assigns {
				return true
			}
		}
	}
	return false
}

// assignment stands between a key and its value.
const assignment = `="`

// maxAssigned bounds how much of a value is read as what is assigned to its key: the values of all rules are shorter.
const maxAssigned = maxWindow

// assigned reads text as the value of an assignment to key.
func (s *Set) assigned(key, text string, dst []search.Match) (_ []search.Match, work int) {
	var buf [8]hit
	hits := s.words.find(key, buf[:0])
	shift := len(key) + len(assignment)
	var whole string
	var asked [32]int32
	ran := asked[:0]
	for _, h := range hits {
		for _, n := range s.byWord[h.word] {
			r := s.rules[n]
			if !r.assigns || len(key)-h.start > maxBetween || slices.Contains(ran, n) || !r.need.met(text) {
				continue
			}
			ran = append(ran, n) // what follows later words lies in the same window
			if whole == "" {
				whole = key + assignment + text[:min(len(text), maxAssigned)] + `"`
			}
			first := len(dst)
			dst = r.run(whole, max(0, h.start-1), min(len(whole), h.start+2*maxBetween+r.after), &work, dst)
			dst = inside(dst, first, shift, len(text))
		}
	}
	return dst, work
}

// inside keeps of the matches from first on those that lie in the value, and gives them its offsets.
func inside(dst []search.Match, first, shift, size int) []search.Match {
	kept := dst[:first]
	for _, m := range dst[first:] {
		m.Start, m.End = max(m.Start-shift, 0), min(m.End-shift, size)
		if m.Start < m.End {
			kept = append(kept, m)
		}
	}
	return kept
}
