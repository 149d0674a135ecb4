package secret

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

// TestASealedRecordMeetsTheRulesAlone: each text, and each layer of encoding under it, is given to the rule sets once,
// and no finder of the floor touches what it would have removed.
func TestASealedRecordMeetsTheRulesAlone(t *testing.T) {
	asked := map[string]int{}
	counting := searcher(func(_, text string, dst []Match) []Match {
		asked[text]++
		return dst
	})
	s := New(fingerprint.Static(testRing(t)), Options{Searcher: counting})
	d := newDice(70)
	token := "Canary" + d.base62(26)
	forFloor := [][2]string{
		{"app.note", "ghp_" + d.base62(36)}, {authorization, "Bearer " + token}, {"url.query", "api_key=" + token},
		{"app.password", token}, {"app.url", "https://u:" + token + "@host/"}, {"app.text", "in%20between"},
		{"http.request.header.x-note", "Bearer x"}, {"app.control", "a\x00b"}, {"url.path", "/a/" + token},
	}
	p := s.Begin(testIssuer)
	defer p.End()
	for _, f := range forFloor {
		got, changed := p.ScrubRules(f[0], f[1])
		require.False(t, changed, f[0])
		require.Equal(t, f[1], got)
		require.Equal(t, 1, asked[f[1]], f[0])
	}
	assert.Equal(t, 1, asked["in between"], "the layer under the escape")
	assert.Empty(t, p.Findings())
	assert.Empty(t, p.Oldest(), "nothing was looked for")
	before := len(asked)
	got, _ := p.ScrubRules("http.request.method", token)
	assert.Equal(t, token, got)
	assert.Len(t, asked, before, "a typed field is not for rules")
	key, changed := p.ScrubRulesKey("app." + forFloor[0][1])
	assert.Equal(t, "app."+forFloor[0][1], key)
	assert.False(t, changed)

	none := testSealer(t).Begin(testIssuer)
	defer none.End()
	_, changed = none.ScrubRules("app.note", forFloor[0][1])
	assert.False(t, changed, "without rules there is nothing to do")
}

// TestRulesFindTheSameInWhatIsSealed: a text that goes through the floor of one component and the rules of the next
// comes out as one that goes through both at once, and the findings are the same.
func TestRulesFindTheSameInWhatIsSealed(t *testing.T) {
	whole, floor := ruleSetSealer(t), testSealer(t)
	d := newDice(71)
	for _, smp := range ruledTokens(d) {
		for _, e := range echoes {
			for _, key := range []string{"app.note", "url.query", "http.request.header.x-note", "url.full", "keytrail.headers.other", "adobe_client_id", "body"} {
				text := "note: " + e.as(smp.token)
				if key == "url.query" {
					text = "q=" + e.as(smp.token)
				}
				p := whole.Begin(testIssuer)
				want, _ := p.Scrub(key, text)
				found := append([]Finding{}, p.Findings()...)
				p.End()

				first := floor.Begin(testIssuer)
				sealed, _ := first.Scrub(key, text)
				require.Empty(t, first.Findings(), "the floor knows nothing of %s", smp.name)
				first.End()
				second := whole.Begin(testIssuer)
				got, _ := second.ScrubRules(key, sealed)
				require.Equal(t, want, got, "%s in %s as %s", smp.name, key, e.name)
				require.ElementsMatch(t, found, second.Findings())
				_, again := second.ScrubRules(key, got)
				require.False(t, again)
				second.End()
			}
			p := whole.Begin(testIssuer)
			want, _ := p.ScrubKey("app " + e.as(smp.token))
			got, _ := p.ScrubRulesKey("app " + e.as(smp.token))
			p.End()
			require.Equal(t, want, got, "%s as %s in a key", smp.name, e.name)
		}
	}
}

// TestARuleThatFailsOnASealedFieldFailsClosed.
func TestARuleThatFailsOnASealedFieldFailsClosed(t *testing.T) {
	s := New(fingerprint.Static(testRing(t)), Options{Searcher: searcher(func(string, string, []Match) []Match { panic("boom") })})
	p := s.Begin(testIssuer)
	defer p.End()
	got, changed := p.ScrubRules("app.a", "boom")
	assert.True(t, changed)
	assert.Equal(t, "[REDACTED:failed]", got)
	assert.True(t, p.Failed())
	key, _ := p.ScrubRulesKey("app.something")
	assert.Equal(t, "[REDACTED:failed]", key)
	assert.Nil(t, s.met.get("app.something"))
}

// TestAKeyIsReadOnce: the rule sets are not asked again about a key that held nothing, but the values of another
// request are still looked for in it.
func TestAKeyIsReadOnce(t *testing.T) {
	asked := map[string]int{}
	s := New(fingerprint.Static(testRing(t)), Options{Searcher: searcher(func(_, text string, dst []Match) []Match {
		asked[text]++
		return dst
	})})
	const key = "acme.fieldofthehouse"
	scrub := func(pairs ...string) string {
		p := s.Begin(testIssuer)
		defer p.End()
		for i := 0; i < len(pairs); i += 2 {
			p.Look(pairs[i], pairs[i+1])
		}
		clean, _ := p.ScrubKey(key)
		return clean
	}
	for range 3 {
		require.Equal(t, key, scrub(key, "a value"))
	}
	assert.Equal(t, 1, asked[key])
	require.NotNil(t, s.met.get(key))
	assert.Equal(t, "acme.[REDACTED:credential]", scrub(key, "a value", "http.request.header.x-api-key", "fieldofthehouse"))

	d := newDice(72)
	for _, held := range []string{"app.ghp_" + d.base62(36), "app." + strings.Repeat("x", longestKept), "app.a=b", "app.\x01"} {
		p := s.Begin(testIssuer)
		p.ScrubKey(held)
		p.End()
		assert.Nil(t, s.met.get(held), "%d bytes", len(held))
	}
}

// TestManyPassesShareWhatKeysMean: keys drive one another out of their places, and none gets the meaning of another.
func TestManyPassesShareWhatKeysMean(t *testing.T) {
	s := testSealer(t)
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range 4 * keySlots {
				key := fmt.Sprintf("acme.field%d_of.%s", i*(worker+1)%(2*keySlots), []string{"note", "password"}[i%2])
				p := s.Begin(testIssuer)
				p.Look(key, "of a word")
				name, renamed := p.ScrubKey(key)
				_, changed := p.Scrub(key, "of a word")
				if p.End(); name != key || renamed || changed != (i%2 == 1) {
					t.Errorf("%s became %s, its value changed: %v", key, name, changed)
				}
			}
		})
	}
	all.Wait()
}

// TestASealedKeyIsNoCleanOne: what only the rules have seen is still read by the floor.
func TestASealedKeyIsNoCleanOne(t *testing.T) {
	s := ruleSetSealer(t)
	token := rawURL.EncodeToString([]byte(`{"alg":"none"}`)) + "." + rawURL.EncodeToString([]byte(`{"sub":"dummy"}`)) + "."
	p := s.Begin(testIssuer)
	defer p.End()
	_, changed := p.ScrubRulesKey("app." + token)
	require.False(t, changed)
	require.Nil(t, s.met.get("app."+token))
	_, _ = p.ScrubRulesKey("acme.field")
	require.Equal(t, cleanOfRules, s.met.get("acme.field").clean)
	_, _ = p.ScrubKey("acme.field")
	require.Equal(t, cleanOfAll, s.met.get("acme.field").clean)
}

// FuzzScrubRules: no panic, the same the second time, and bounded text of valid UTF-8 stays both.
func FuzzScrubRules(f *testing.F) {
	d := newDice(74)
	for _, smp := range ruledTokens(d) {
		for _, e := range echoes {
			f.Add("app.note", e.as(smp.token))
		}
	}
	f.Add("keytrail.headers.other", "adobe_client_secret: "+d.hex(32))
	f.Add("body", "[REDACTED:generic-api-key]=[REDACTED:x-y]abcdefghij0123456789 4242 4242 4242 4242")
	s := ruleSetSealer(f)
	f.Fuzz(func(t *testing.T, key, text string) {
		p := s.Begin(testIssuer)
		defer p.End()
		once, _ := p.ScrubRules(key, text)
		if p.Failed() {
			t.Fatal("failed")
		}
		if twice, changed := p.ScrubRules(key, once); twice != once || changed {
			t.Fatalf("not idempotent:\n%q\n%q\n%q", text, once, twice)
		}
		if len(once) > maxText && once != text || utf8.ValidString(text) && !utf8.ValidString(once) {
			t.Fatalf("%d bytes of %d", len(once), len(text))
		}
		named, _ := p.ScrubRulesKey(key)
		if twice, changed := p.ScrubRulesKey(named); twice != named || changed {
			t.Fatalf("not idempotent:\n%q\n%q\n%q", key, named, twice)
		}
	})
}
