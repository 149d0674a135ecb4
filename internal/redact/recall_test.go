package redact

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/secret/search"
	"github.com/keytrail/keytrail/testbed/corpus"
)

func newSet(t testing.TB, c Config) *Set {
	t.Helper()
	s, err := New(c)
	require.NoError(t, err)
	return s
}

// samplesPerRule is how many texts are made of each rule's expression.
const samplesPerRule = 20

// sampled makes a text that the rule takes for a secret by itself: random enough, and on no allowlist.
func sampled(r *rand.Rand, one *Set, expr string) (string, bool) {
	for range 50 {
		text, ok := corpus.Matching(r, expr)
		if !ok {
			return "", false
		}
		if one.whole(text) {
			return text, true
		}
	}
	return "", false
}

// whole is the rule without anything that spares it work: its expression on all of the text.
func (s *Set) whole(text string) bool {
	r := *s.rules[0]
	r.need, r.windowed, r.open = need{}, false, false
	var work int
	return len(r.run(text, 0, len(text), &work, nil)) > 0
}

// TestEveryRuleFindsItsOwn: what spares the expressions work spares them no match. Each rule of gitleaks is given texts
// that its expression describes, alone and inside longer ones.
func TestEveryRuleFindsItsOwn(t *testing.T) {
	rules := newSet(t, Config{DisableOwn: true})
	c := Config{DisableOwn: true}
	specs, err := c.specs()
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(specs), 200)
	r := rand.New(rand.NewPCG(7, 7))
	made := 0
	for _, sp := range specs {
		one := &Set{}
		compiled, err := newRule(sp)
		require.NoError(t, err)
		one.rules = []*rule{compiled}
		found, drawn := 0, 0
		for n := range samplesPerRule {
			text, ok := sampled(r, one, sp.Regex)
			if !ok {
				continue
			}
			if !holdsAny(strings.ToLower(text), compiled.words) {
				continue // a point of the expression is any letter, its keyword has a point
			}
			drawn++
			if n%2 == 1 {
				text = strings.Repeat("lorem ipsum ", n*20) + "\n" + text + "\n" + strings.Repeat("dolor sit ", n*20)
				if !one.whole(text) {
					found++ // an anchor of the expression, not a word of ours, keeps it from being found there
					continue
				}
			}
			if holds(rules.Search("", text, nil), sp.ID) {
				found++
			}
		}
		assert.Equal(t, drawn, found, sp.ID)
		if drawn > 0 {
			made++
		} else {
			t.Logf("%s: no text was made", sp.ID)
		}
	}
	assert.GreaterOrEqual(t, made*100, len(specs)*95, "rules with texts")
}

func TestOrdinaryTextIsLeftAlone(t *testing.T) {
	s := newSet(t, Config{})
	fields := 0
	touched := map[string]int{}
	example := map[string]string{}
	for _, record := range corpus.Clean(11, 10_000) {
		for _, f := range record {
			fields++
			key := ""
			if s.ReadsKey(f.Key) {
				key = f.Key
			}
			for _, m := range s.Search(key, f.Value, nil) {
				touched[m.Rule+" "+f.Key]++
				example[m.Rule+" "+f.Key] = f.Key + "=" + f.Value[m.Start:m.End] + "  in " + f.Value
			}
		}
	}
	sum := 0
	for id, n := range touched {
		sum += n
		t.Logf("%s: %d, as %s", id, n, example[id])
	}
	t.Logf("%d fields, %d touched", fields, sum)
	assert.LessOrEqual(t, sum*1000, fields)
}

func holds(found []search.Match, id string) bool {
	for _, m := range found {
		if m.Rule == id {
			return true
		}
	}
	return false
}
