package owner

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

func lookIn(attrs map[string]string) func(string) string {
	return func(key string) string { return attrs[key] }
}

func TestARuleReadsAndFillsByName(t *testing.T) {
	ruled := func(pattern, template, subject string) string {
		t.Helper()
		rs, err := NewRules(Claims, []Rule{{Match: map[string]string{event.KeyJWTSubject: pattern}, OwnerID: template}})
		require.NoError(t, err)
		var f Facts
		rs.Look(lookIn(map[string]string{event.KeyJWTSubject: subject, event.KeyJWTClientID: "app"}), &f)
		return f.Text[OwnerID]
	}
	require.Equal(t, "b of a", ruled("x:{one}:{two}", "{two} of {one}", "x:a:b"))
	require.Equal(t, "b:c", ruled("x:{one}:{two}", "{two}", "x:a:b:c"))
	require.Equal(t, "a/app", ruled("{one}", "{one}/{client_id}", "a"))
	require.Equal(t, "fixed", ruled("a", "fixed", "a"))
	for _, none := range []string{"", "x:", "x::b", "x:a", "x:a:", "y:a:b"} {
		require.Empty(t, ruled("x:{one}:{two}", "{two}", none), none)
	}
	require.Empty(t, ruled("a", "fixed", "ab"))
	require.Empty(t, ruled("{one}", "{one} {jti}", "a"), "half of a name is another name")
	require.Empty(t, ruled("{one}", "{one}", "[REDACTED:credential]"))
	require.Empty(t, ruled("{one}", "{one}", "a\u202eb"))
	require.Empty(t, ruled("{one}", "{one}", strings.Repeat("x", MaxFieldBytes+1)))
}

func TestTheFirstRuleThatAppliesCounts(t *testing.T) {
	rs, err := NewRules(Gateway, []Rule{{Preset: "kong"}})
	require.NoError(t, err)
	var f Facts
	require.True(t, rs.Look(lookIn(map[string]string{"kong.consumer.id": "c", "kong.consumer.custom_id": "u"}), &f))
	require.Equal(t, "u", f.Text[OwnerID])
}

func TestBadRulesAreRefused(t *testing.T) {
	bad := func(origin Origin, r Rule, want string) {
		t.Helper()
		_, err := NewRules(origin, []Rule{{OwnerID: "fixed"}, r})
		require.ErrorContains(t, err, "1: "+want)
	}
	sub := event.KeyJWTSubject
	bad(Claims, Rule{}, "`owner_id` must be set")
	bad(Claims, Rule{Preset: "okta"}, "`preset` must be one of client, github_actions, gitlab_ci, kubernetes, subject, found \"okta\"")
	bad(Claims, Rule{Preset: "client", OwnerID: "x"}, "`preset` must stand alone")
	bad(Claims, Rule{OwnerID: "x", OwnerType: "robot"}, "`owner_type` must be user, service or automation, found \"robot\"")
	bad(Claims, Rule{OwnerID: "{nobody}"}, "`owner_id` must name an attribute or a part of `match`, found {nobody}")
	bad(Claims, Rule{OwnerID: "{kong.consumer.id}"}, "`owner_id` must read attributes of token.jwt., found \"kong.consumer.id\"")
	bad(Claims, Rule{OwnerID: "{sub"}, "`owner_id` must have a name between { and }")
	bad(Claims, Rule{OwnerID: "x", OwnerTeam: "{}"}, "`owner_team` must have a name between { and }")
	bad(Claims, Rule{OwnerID: "x", Match: map[string]string{sub: "{a}{b}"}}, "`match::token.jwt.subject` must have text between {a} and {b}")
	bad(Claims, Rule{OwnerID: "x", Match: map[string]string{sub: "{a}:{a}"}}, "`match::token.jwt.subject` must use a name once")
	for _, key := range []string{"http.request.header.x-consumer-username", "url.path", "user_agent.original", sub, "user.name"} {
		bad(Gateway, Rule{OwnerID: "{" + key + "}"}, "`owner_id` must not read what the caller writes")
		bad(Gateway, Rule{OwnerID: "x", Match: map[string]string{key: "y"}}, "`match` must not read what the caller writes")
	}
}

func FuzzRule(f *testing.F) {
	f.Add("repo:{org}/{repo}:{ref}", "{org}/{repo}", "repo:a/b:c")
	f.Add("{a}x{b}", "{b}{a}", "xxxx")
	f.Fuzz(func(t *testing.T, pattern, template, subject string) {
		rs, err := NewRules(Claims, []Rule{{Match: map[string]string{event.KeyJWTSubject: pattern}, OwnerID: template}})
		if err != nil {
			return
		}
		var facts Facts
		if rs.Look(lookIn(map[string]string{event.KeyJWTSubject: subject}), &facts) {
			require.NotEmpty(t, facts.Text[OwnerID])
		}
	})
}
