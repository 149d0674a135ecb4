package redact

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func rulesFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rules.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// TestBadRulesAreRefused, by the name of the rule and of what is wrong in it.
func TestBadRulesAreRefused(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		_, err := New(Config{Rules: []string{rulesFile(t, text)}, DisableDefault: true})
		for _, w := range want {
			require.ErrorContains(t, err, w)
		}
	}
	f("[[rules]]\nid='acme-key'\nregex='acme_(['", `rule "acme-key"`, "`regex`")
	f("[[rules]]\nid='acme-key'\nregex='acme_[a-z]+'\nsecretGroup=2", `rule "acme-key"`, "`secretGroup`", "found 2")
	f("[[rules]]\nid='Acme Key'\nregex='x'", "`id`", "Acme Key")
	f("[[rules]]\nid='acme-file'\npath='acme.key'", `rule "acme-file"`, "`regex` must be set")
	f("[[rules]]\nid='acme-key'\nregex='acme'\n[[rules.allowlists]]\nregexes=['(']", `rule "acme-key"`, "`regexes`")
	f("[[rules]]\nid='acme-key'\nregex='acme'\n[[rules.allowlists]]\nregexes=['a']\ncondition='xor'", "`condition`", "xor")
	f("[[rules]]\nid='acme-key'\nregex='acme'\n[[rules.allowlists]]\nregexes=['a']\nregexTarget='file'", "`regexTarget`", "file")
	f("[[rules]]\nid='acme-key'\nregex='acme'\n[[rules.required]]\nid='other'", "`required`")
	f("[extend]\nurl='https://rules.example/x.toml'", "`extend.url`")
	f("[extend]\nuseDefault=true\npath='x.toml'", "`extend.path`")
	f("[[rules", "must be TOML")
	_, err := New(Config{Disabled: []string{"no-such-rule"}})
	require.ErrorContains(t, err, "no-such-rule")
}

// TestRulesOfTheUser are read as gitleaks reads them.
func TestRulesOfTheUser(t *testing.T) {
	path := rulesFile(t, `
[extend]
useDefault = true
disabledRules = ["sentry-user-token"]

[[allowlists]]
regexes = ['^acme_test_']

[[rules]]
id = "acme-key"
regex = '''\b(acme)_([a-z0-9_]{12})\b'''
secretGroup = 2
entropy = 2.5
keywords = ["ACME_"]
tags = ["data"]
[[rules.allowlists]]
stopwords = ["Example"]
[[rules.allowlists]]
condition = "AND"
regexTarget = "line"
regexes = ["documentation"]
stopwords = ["sample"]

[[rules]]
id = "shippo-api-token"
entropy = 6.0
`)
	s := newSet(t, Config{Rules: []string{path}, DisableDefault: true, DisableOwn: true})
	assert.NotContains(t, s.Rules(), "sentry-user-token")
	assert.Contains(t, s.Rules(), "pulumi-api-token")
	assert.Equal(t, "acme-key=k7x2m9q4w1z8", found(s, "", "use acme_k7x2m9q4w1z8 here"))
	assert.False(t, s.Search("", "acme_k7x2m9q4w1z8", nil)[0].Credential)
	assert.Equal(t, "", found(s, "", "acme_aaaaaaaaaaab"), "entropy")
	assert.Equal(t, "", found(s, "", "acme_k7example9q4"), "a stop word")
	assert.NotContains(t, found(s, "", "shippo_live_"+random(9, hexes, 40)), "shippo", "more entropy asked for than figures have")
	assert.Equal(t, "", found(s, "", "acme_k7sample29q4 in documentation"))
	assert.Equal(t, "acme-key=k7sample29q4", found(s, "", "acme_k7sample29q4 in a log"))
}

// TestARuleWithoutKeywords is met by what its expression cannot do without.
func TestARuleWithoutKeywords(t *testing.T) {
	s := newSet(t, Config{DisableDefault: true, DisableOwn: true, Rules: []string{rulesFile(t,
		"[[rules]]\nid='acme'\nregex='(?:ACME|EMCA)-[0-9]{6}'\n[[rules]]\nid='ticket'\nregex='[0-9]{4}#[0-9]{4}'\n")}})
	assert.Equal(t, []string{"acme-", "emca-"}, s.rules[0].words)
	assert.Len(t, s.always, 1)
	assert.Equal(t, "acme=EMCA-123456", found(s, "", "x EMCA-123456 y"))
	assert.Equal(t, "ticket=1234#5678", found(s, "", "see 1234#5678"))
}

// TestTheDefaultRulesAreCompiledOnce, and what a user's file changes in them is changed for him alone.
func TestTheDefaultRulesAreCompiledOnce(t *testing.T) {
	rules := func(s *Set) map[string]*rule {
		m := map[string]*rule{}
		for _, r := range s.rules {
			m[r.id] = r
		}
		return m
	}
	first := newSet(t, Config{})
	over := newSet(t, Config{Rules: []string{rulesFile(t, "[[rules]]\nid='shippo-api-token'\nentropy=6.0\n")}})
	extended := newSet(t, Config{DisableDefault: true, Rules: []string{rulesFile(t, `
[extend]
useDefault = true
[[allowlists]]
targetRules = ["shippo-api-token"]
regexes = ['^shippo_test_']
`)}})
	again := rules(newSet(t, Config{}))
	for id, r := range rules(first) {
		require.Same(t, r, again[id], id)
		if id == "shippo-api-token" {
			assert.NotSame(t, r, rules(over)[id])
			assert.NotSame(t, r, rules(extended)[id])
			continue
		}
		assert.Same(t, r, rules(over)[id], id)
	}
	token := "shippo_test_" + random(12, hexes, 40)
	assert.Contains(t, found(first, "", token), "shippo-api-token=")
	assert.NotContains(t, found(over, "", token), "shippo-api-token=")
	assert.NotContains(t, found(extended, "", token), "shippo-api-token=")
}

// BenchmarkNew is a reload: the default rules are compiled already.
func BenchmarkNew(b *testing.B) {
	newSet(b, Config{})
	b.ReportAllocs()
	for b.Loop() {
		newSet(b, Config{})
	}
}
