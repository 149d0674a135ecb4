package secret

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// formatOpaque is token.format where the text says nothing.
const formatOpaque = "opaque"

// tokenFormat describes a token by its literal prefix, the letters that follow and how many there must be.
type tokenFormat struct {
	name    string
	prefix  string
	letters letters
	min     int  // letters after the prefix
	max     int  // 0: no upper bound, take them all
	bounded bool // no letter or digit may stand right before or after: short or common prefixes
	sum     checksum
}

// letters is a set of bytes.
type letters uint8

const (
	base62  letters = 1 << iota
	urlSafe         // base62 _ -
	dotted          // base62 _ - .
	upper32         // A-Z 2-7
	lowHex          // 0-9 a-f A-F
	word            // base62 _
	zBase32         // of Mattermost: the lower letters and digits but 0 2 l v
)

// formats is the table of known tokens. A format matches only at its prefix, so the table costs nothing on text
// that holds none of the prefixes.
var formats = []tokenFormat{
	{name: "canary", prefix: event.CanaryPrefix, letters: lowHex, min: 32, max: 32},
	{name: "github_pat", prefix: "ghp_", letters: word, min: 36, sum: checksumBase62},
	{name: "github_oauth", prefix: "gho_", letters: word, min: 36, sum: checksumBase62},
	{name: "github_user", prefix: "ghu_", letters: word, min: 36, sum: checksumBase62},
	{name: "github_server", prefix: "ghs_", letters: dotted, min: 36, sum: checksumBase62},
	{name: "github_refresh", prefix: "ghr_", letters: word, min: 36, sum: checksumBase62},
	{name: "github_fine_grained", prefix: "github_pat_", letters: word, min: 59},
	{name: "gitlab_pat", prefix: "glpat-", letters: dotted, min: 20, sum: checksumRoutable},
	{name: "gitlab_deploy", prefix: "gldt-", letters: dotted, min: 20, sum: checksumRoutable},
	{name: "gitlab_runner", prefix: "glrt-", letters: dotted, min: 20, sum: checksumRoutable},
	{name: "gitlab_job", prefix: "glcbt-", letters: dotted, min: 20, sum: checksumRoutable},
	{name: "gitlab_trigger", prefix: "glptt-", letters: dotted, min: 20, sum: checksumRoutable},
	{name: "gitlab_oauth", prefix: "gloas-", letters: dotted, min: 20, sum: checksumRoutable},
	{name: "gitlab_scim", prefix: "glsoat-", letters: dotted, min: 20, sum: checksumRoutable},
	{name: "gitlab_agent", prefix: "glagent-", letters: dotted, min: 20, sum: checksumRoutable},
	{name: "gitlab_feed", prefix: "glft-", letters: dotted, min: 20, sum: checksumRoutable},
	{name: "gitlab_mail", prefix: "glimt-", letters: dotted, min: 20, sum: checksumRoutable},
	{name: "gitlab_flags", prefix: "glffct-", letters: dotted, min: 20, sum: checksumRoutable},
	{name: "npm", prefix: "npm_", letters: base62, min: 36, max: 36, sum: checksumBase62},
	{name: "slack", prefix: "xoxb-", letters: urlSafe, min: 16},
	{name: "slack", prefix: "xoxp-", letters: urlSafe, min: 16},
	{name: "slack", prefix: "xoxa-", letters: urlSafe, min: 16},
	{name: "slack", prefix: "xoxr-", letters: urlSafe, min: 16},
	{name: "slack", prefix: "xoxs-", letters: urlSafe, min: 16},
	{name: "slack", prefix: "xoxe.", letters: dotted, min: 16},
	{name: "slack", prefix: "xoxe-", letters: urlSafe, min: 16},
	{name: "slack", prefix: "xoxc-", letters: urlSafe, min: 16},
	{name: "slack", prefix: "xoxd-", letters: urlSafe, min: 16},
	{name: "slack", prefix: "xapp-", letters: urlSafe, min: 16},
	{name: "stripe", prefix: "sk_live_", letters: base62, min: 10},
	{name: "stripe", prefix: "rk_live_", letters: base62, min: 10},
	{name: "stripe", prefix: "sk_test_", letters: base62, min: 10},
	{name: "stripe", prefix: "rk_test_", letters: base62, min: 10},
	{name: "stripe_webhook", prefix: "whsec_", letters: base62, min: 20},
	{name: formatAWS, prefix: "AKIA", letters: upper32, min: 16, max: 16, bounded: true},
	{name: formatAWS, prefix: "ASIA", letters: upper32, min: 16, max: 16, bounded: true},
	{name: formatAWS, prefix: "ABIA", letters: upper32, min: 16, max: 16, bounded: true},
	{name: formatAWS, prefix: "ACCA", letters: upper32, min: 16, max: 16, bounded: true},
	{name: formatAWS, prefix: "A3T", letters: upper32, min: 17, max: 17, bounded: true},
	{name: "anthropic", prefix: "sk-ant-", letters: urlSafe, min: 20},
	{name: "openai", prefix: "sk-proj-", letters: urlSafe, min: 20},
	{name: "openai", prefix: "sk-svcacct-", letters: urlSafe, min: 20},
	{name: "openai", prefix: "sk-admin-", letters: urlSafe, min: 20},
	{name: "openrouter", prefix: "sk-or-v1-", letters: lowHex, min: 40},
	{name: "openai", prefix: "sk-", letters: base62, min: 40, bounded: true},
	{name: "google_api_key", prefix: "AIza", letters: urlSafe, min: 35, bounded: true},
	{name: "google_oauth", prefix: "ya29.", letters: urlSafe, min: 20},
	{name: "google_secret", prefix: "GOCSPX-", letters: urlSafe, min: 20},
	{name: "pypi", prefix: "pypi-AgE", letters: urlSafe, min: 40},
	{name: "rubygems", prefix: "rubygems_", letters: lowHex, min: 40},
	{name: "huggingface", prefix: "hf_", letters: base62, min: 30, bounded: true},
	{name: "digitalocean", prefix: "dop_v1_", letters: lowHex, min: 60},
	{name: "digitalocean", prefix: "doo_v1_", letters: lowHex, min: 60},
	{name: "digitalocean", prefix: "dor_v1_", letters: lowHex, min: 60},
	{name: "shopify", prefix: "shpat_", letters: lowHex, min: 32},
	{name: "shopify", prefix: "shpss_", letters: lowHex, min: 32},
	{name: "shopify", prefix: "shpca_", letters: lowHex, min: 32},
	{name: "shopify", prefix: "shppa_", letters: lowHex, min: 32},
	{name: "sendgrid", prefix: "SG.", letters: dotted, min: 60, bounded: true},
	{name: "vault", prefix: "hvs.", letters: urlSafe, min: 24},
	{name: "vault", prefix: "hvb.", letters: urlSafe, min: 24},
	{name: "vault", prefix: "hvr.", letters: urlSafe, min: 24},
	{name: "grafana", prefix: "glsa_", letters: word, min: 32},
	{name: "grafana", prefix: "glc_", letters: urlSafe, min: 32},
	{name: "linear", prefix: "lin_api_", letters: base62, min: 32},
	{name: "docker", prefix: "dckr_pat_", letters: urlSafe, min: 20},
	{name: "databricks", prefix: "dapi", letters: lowHex, min: 32, bounded: true},
	{name: "atlassian", prefix: "ATATT3", letters: urlSafe, min: 100},
	{name: "brevo", prefix: "xkeysib-", letters: urlSafe, min: 60},
	{name: "zuplo", prefix: "zpka_", letters: word, min: 20},
	{name: "cloudflare", prefix: "v1.0-", letters: urlSafe, min: 140, bounded: true},
	{name: "newrelic", prefix: "NRAK-", letters: base62, min: 25},
	{name: "postman", prefix: "PMAK-", letters: urlSafe, min: 50},
	{name: "tailscale", prefix: "tskey-", letters: urlSafe, min: 20},
	{name: "age", prefix: "AGE-SECRET-KEY-1", letters: base62, min: 50},
	{name: "square", prefix: "sq0atp-", letters: urlSafe, min: 20},
	{name: "square", prefix: "sq0csp-", letters: urlSafe, min: 40},
	{name: "groq", prefix: "gsk_", letters: base62, min: 48, bounded: true},
	{name: "doppler", prefix: "dp.pt.", letters: base62, min: 40},
	{name: "pulumi", prefix: "pul-", letters: lowHex, min: 40, bounded: true},
	{name: "planetscale", prefix: "pscale_tkn_", letters: urlSafe, min: 32},
	{name: "supabase", prefix: "sbp_", letters: lowHex, min: 40},
	{name: "supabase", prefix: "sb_secret_", letters: urlSafe, min: 20},
	{name: "notion", prefix: "ntn_", letters: base62, min: 40},
	{name: "figma", prefix: "figd_", letters: urlSafe, min: 36},
	{name: "sentry", prefix: "sntrys_", letters: urlSafe, min: 40},
	{name: "sentry", prefix: "sntryu_", letters: lowHex, min: 64},
	{name: "heroku", prefix: "HRKU-", letters: urlSafe, min: 36},
	{name: "replicate", prefix: "r8_", letters: base62, min: 37, bounded: true},
	{name: "xai", prefix: "xai-", letters: base62, min: 70},
	{name: "perplexity", prefix: "pplx-", letters: base62, min: 40},
	{name: "buildkite", prefix: "bkua_", letters: lowHex, min: 40},
	{name: "dynatrace", prefix: "dt0c01.", letters: dotted, min: 80},
	{name: "contentful", prefix: "CFPAT-", letters: urlSafe, min: 40},
	{name: "fly", prefix: "fm2_", letters: urlSafe, min: 80},
	{name: "twilio", prefix: "SK", letters: lowHex, min: 32, max: 32, bounded: true},
	{name: "mailgun", prefix: "key-", letters: lowHex, min: 32, max: 32, bounded: true},
}

// Formats with a matcher of their own.
const (
	formatAWS      = "aws_access_key"
	formatJWT      = "jwt"
	formatJWE      = "jwe"
	formatPEM      = "private_key"
	formatTelegram = "telegram_bot"
	formatWebhook  = "webhook"
	schemeInText   = "authorization"
)

// formatsAt indexes the table by first byte, longest prefix first, so that sk-ant- is met before sk-.
var formatsAt = func() (t [256][]*tokenFormat) {
	for i := range formats {
		f := &formats[i]
		at := t[f.prefix[0]]
		n := 0
		for n < len(at) && len(at[n].prefix) >= len(f.prefix) {
			n++
		}
		at = append(at, nil)
		copy(at[n+1:], at[n:])
		at[n] = f
		t[f.prefix[0]] = at
	}
	return t
}()

// matchTable returns the format that begins at s[i] and where the token ends. At least two bytes stand there.
func matchTable(s string, i int) (*tokenFormat, int) {
	for _, f := range formatsAt[s[i]] {
		if f.prefix[1] != s[i+1] || !strings.HasPrefix(s[i:], f.prefix) {
			continue
		}
		if f.bounded && i > 0 && alnum(s[i-1]) {
			continue
		}
		if end, ok := f.end(s, i+len(f.prefix)); ok {
			return f, end
		}
	}
	return nil, 0
}

func (f *tokenFormat) end(s string, from int) (int, bool) {
	limit := len(s)
	if f.max > 0 {
		limit = min(limit, from+f.max)
	}
	j := from
	for j < limit && letterSets[s[j]]&f.letters != 0 {
		j++
	}
	for f.letters == dotted && j > from && s[j-1] == '.' {
		j-- // a full stop after a token ends the sentence
	}
	if j-from < f.min || f.bounded && j < len(s) && alnum(s[j]) {
		return 0, false
	}
	return j, true
}

var letterSets = func() (t [256]letters) {
	for c := range 256 {
		b := byte(c)
		if alnum(b) {
			t[c] |= base62 | urlSafe | dotted | word
		}
		if 'A' <= b && b <= 'Z' || '2' <= b && b <= '7' {
			t[c] |= upper32
		}
		if alnum(b) && (b < 'A' || b > 'Z') && b != '0' && b != '2' && b != 'l' && b != 'v' {
			t[c] |= zBase32
		}
		if unhex(b) >= 0 {
			t[c] |= lowHex
		}
	}
	t['_'] |= urlSafe | dotted | word
	t['-'] |= urlSafe | dotted
	t['.'] |= dotted
	return t
}()

func alnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
