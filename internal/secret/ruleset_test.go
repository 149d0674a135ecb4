package secret

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/redact"
	"github.com/keytrail/keytrail/testbed/corpus"
)

// ruleSetSealer is a sealer with all the default rules.
func ruleSetSealer(t testing.TB) *Sealer {
	t.Helper()
	set, err := redact.New(redact.Config{})
	require.NoError(t, err)
	return New(fingerprint.Static(testRing(t)), Options{Issuer: testIssuer, Searcher: set})
}

// ruled are tokens that only a rule set knows, each as the rule needs it.
func ruledTokens(d dice) []sample {
	const lower36 = "0123456789abcdefghijklmnopqrstuvwxyz"
	return []sample{
		{"shippo-api-token", "shippo_test_" + d.hex(40)},
		{"readme-api-token", "rdme_" + d.letters(lower36, 70)},
		{"scalingo-api-token", "tk-us-" + d.base62(48)},
		{"easypost-api-token", "EZAK" + d.letters(lower36, 54)},
		{"settlemint-service-access-token", "sm_sat_" + d.base62(16)},
	}
}

// TestRuleSetFindsInEveryEncoding: what only a rule set knows is found where the floor looks, however it is encoded. In
// text its fingerprint is stamped; under base64 and hexadecimal it is only removed.
func TestRuleSetFindsInEveryEncoding(t *testing.T) {
	s := ruleSetSealer(t)
	for _, smp := range ruledTokens(newDice(60)) {
		for _, e := range echoes {
			if strings.HasPrefix(e.name, "base64 shifted") {
				continue // the bytes around it leave no border that the rule asks for, or no text
			}
			for _, key := range []string{"app.note", "url.query", "http.response.header.x-note", "http.request.header.x-note", "url.full"} {
				text := e.as(smp.token)
				if key == "url.query" {
					text = "q=" + text
				}
				r := event.Record{Attrs: attrs(key, text)}
				out := s.Record(&r)
				require.False(t, out.Failed)
				require.Empty(t, leak(dump(&r), smp.token), "%s in %s as %s\n%s", smp.name, key, e.name, dump(&r))
			}
		}
		r := event.Record{Attrs: attrs("app.note", "deploy failed with "+smp.token+" again", "app.again", smp.token)}
		s.Record(&r)
		note, _ := r.Attrs.Get("app.note")
		require.Equal(t, "deploy failed with [REDACTED:"+smp.name+"] again", note.Text())
		require.Equal(t, wantToken(t, smp.token), r.Attrs.Str(event.KeyFingerprint))
		require.Equal(t, "field.note", r.Attrs.Str(event.KeyTokenLocation))
	}
}

// TestALeakedTokenDoesNotPoseAsTheCaller: a token that a rule finds in a text stands behind the one that was presented.
func TestALeakedTokenDoesNotPoseAsTheCaller(t *testing.T) {
	s, d := ruleSetSealer(t), newDice(61)
	mine, leaked := "Canary"+d.base62(26), "shippo_test_"+d.hex(40)
	r := event.Record{Attrs: attrs("app.note", leaked, authorization, "Bearer "+mine)}
	s.Record(&r)
	assert.Equal(t, wantToken(t, mine), r.Attrs.Str(event.KeyFingerprint))
	others, _ := r.Attrs.Get(event.KeyOthers)
	require.Len(t, others.Strings(), 1)
	assert.Equal(t, wantToken(t, leaked)+" field.note token", others.Strings()[0])
}

// TestFindingsAreCounted by rule, by kind of field and by what became of them.
func TestFindingsAreCounted(t *testing.T) {
	s, d := ruleSetSealer(t), newDice(62)
	p := s.Begin(testIssuer)
	defer p.End()
	fields := [][2]string{{"app.note", "shippo_test_" + d.hex(40)}, {"url.query", "a=tk-us-" + d.base62(48)}, {"http.request.header.cookie", "a=b"}}
	for _, f := range fields {
		p.Look(f[0], f[1])
	}
	for _, f := range fields {
		_, changed := p.Scrub(f[0], f[1])
		require.True(t, changed)
	}
	assert.ElementsMatch(t, []Finding{
		{"shippo-api-token", FieldAttribute, ResultRedacted, 1}, {"scalingo-api-token", FieldQuery, ResultRedacted, 1},
		{"cookie", FieldCookie, ResultRedacted, 1},
	}, p.Findings())
}

// searcher is a rule set of a test.
type searcher func(key, text string, dst []Match) []Match

func (f searcher) Search(key, text string, dst []Match) []Match { return f(key, text, dst) }

// TestSearchedOnce: what looking found clean is not searched again to scrub it.
func TestSearchedOnce(t *testing.T) {
	asked := map[string]int{}
	s := New(fingerprint.Static(testRing(t)), Options{Searcher: searcher(func(_, text string, dst []Match) []Match {
		asked[text]++
		return dst
	})})
	r := event.Record{Attrs: attrs("app.a", "one text", "app.b", "another: text=1", "app.c", "with%20escape", "http.request.method", "GET")}
	s.Record(&r)
	assert.Equal(t, 1, asked["one text"])
	assert.Equal(t, 1, asked["another: text=1"])
	assert.Equal(t, 1, asked["with%20escape"])
	assert.Equal(t, 1, asked["with escape"])
	assert.Zero(t, asked["GET"])
}

// TestARuleThatFailsFailsClosed and a rule that finds our own replacements ends.
func TestARuleThatFailsFailsClosed(t *testing.T) {
	s := New(fingerprint.Static(testRing(t)), Options{Searcher: searcher(func(_, text string, dst []Match) []Match {
		if text == "boom" {
			panic("boom")
		}
		return dst
	})})
	r := event.Record{Attrs: attrs("app.a", "boom", "http.request.method", "GET")}
	assert.True(t, s.Record(&r).Failed)
	assert.NotContains(t, dump(&r), "boom")
	assert.Equal(t, "GET", r.Attrs.Str(event.KeyMethod))

	greedy := New(fingerprint.Static(testRing(t)), Options{Searcher: searcher(func(_, text string, dst []Match) []Match {
		for i := 0; i+2 <= len(text); i++ {
			if text[i:i+2] == "ED" || text[i:i+2] == "[R" {
				dst = append(dst, Match{Start: i, End: i + 2, Rule: "greedy"})
			}
		}
		return dst
	})})
	p := greedy.Begin(testIssuer)
	defer p.End()
	once, changed := p.Scrub("app.a", "x ED y [R z")
	assert.True(t, changed)
	assert.Equal(t, "x [REDACTED:greedy] y [REDACTED:greedy] z", once)
	_, again := p.Scrub("app.a", once)
	assert.False(t, again)
}

// TestPseudonymsStandInPlace: a Searcher may say what is put in place.
func TestPseudonymsStandInPlace(t *testing.T) {
	s := New(fingerprint.Static(testRing(t)), Options{Searcher: searcher(func(_, text string, dst []Match) []Match {
		if i := strings.Index(text, "jane@example.com"); i >= 0 {
			dst = append(dst, Match{Start: i, End: i + len("jane@example.com"), Rule: "email", With: "user-7f3a"})
		}
		return dst
	})})
	r := event.Record{Attrs: attrs("app.a", "mail from jane@example.com today", "app.b", "jane%40example.com")}
	s.Record(&r)
	a, _ := r.Attrs.Get("app.a")
	b, _ := r.Attrs.Get("app.b")
	assert.Equal(t, "mail from user-7f3a today", a.Text())
	assert.Equal(t, "user-7f3a", b.Text())
}

// TestRuleSetLeavesOrdinaryRecordsAlone: the clean corpus, sealed with all default rules. At most one field of a
// thousand is touched, and no request is given a token that it did not present.
func TestRuleSetLeavesOrdinaryRecordsAlone(t *testing.T) {
	s := ruleSetSealer(t)
	fields, touched, stamped, examples := 0, 0, 0, map[string]int{}
	for _, record := range corpus.Clean(13, cleanRecords) {
		var r event.Record
		before := map[string]string{}
		for _, f := range record {
			if _, twice := before[f.Key]; !twice {
				before[f.Key] = f.Value
				r.Attrs.Add(f.Key, event.String(f.Value))
			}
		}
		s.Record(&r)
		if r.Attrs.Str(event.KeyFingerprint) != "" {
			stamped++
		}
		for key, value := range before {
			fields++
			if v, _ := r.Attrs.Get(key); strings.ReplaceAll(strings.ReplaceAll(v.Text(), `\x0a`, "\n"), `\x09`, "\t") != value {
				touched++
				examples[key+" -> "+v.Text()]++
			}
		}
	}
	t.Logf("%d fields, %d touched, %d records stamped; %v", fields, touched, stamped, firstFew(examples))
	assert.LessOrEqual(t, touched*1000, fields)
	assert.Zero(t, stamped)
}

// FuzzScrubWithRules is FuzzScrub with all default rules: no panic, the same the second time, bounded printable text.
func FuzzScrubWithRules(f *testing.F) {
	d := newDice(63)
	for _, smp := range ruledTokens(d) {
		for _, e := range echoes {
			f.Add("app.note", e.as(smp.token))
		}
	}
	f.Add("app.secret_key", "[REDACTED:generic-api-key]=[REDACTED:x-y]abcdefghij0123456789")
	f.Add("adobe_client_secret", d.hex(32))
	f.Add("body", "Password={a};PWD=b;u:p@tcp(4242 4242 4242 4242)")
	s := ruleSetSealer(f)
	f.Fuzz(func(t *testing.T, key, text string) {
		p := s.Begin(testIssuer)
		defer p.End()
		p.Look(key, text)
		once, _ := p.Scrub(key, text)
		if p.Failed() {
			t.Fatal("failed")
		}
		twice, changed := p.Scrub(key, once)
		if twice != once || changed {
			t.Fatalf("not idempotent:\n%q\n%q\n%q", text, once, twice)
		}
		if len(once) > maxText || !utf8.ValidString(once) {
			t.Fatalf("%d bytes", len(once))
		}
	})
}
