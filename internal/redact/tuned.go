package redact

// What is changed in gitleaks' rules, which were written for source code, before they are applied to requests and logs.
// The figures are of 100,000 fields of ordinary requests, as testbed/corpus makes them.

// leftOut are the rules that are not among the default ones, and why.
var leftOut = map[string]string{
	"jwt":        "the floor finds every JWT, and by its structure",
	"jwt-base64": "the floor looks under base64 by itself",
}

// allowed are allowlists of ours for rules that would take ordinary fields of logs for secrets.
var allowed = map[string][]*allowSpec{
	// 463 of 100,000: key=orders/ebd71c3b1934 of a cache, key=68c1… of a partition. In logs a bare "key" names a record.
	"generic-api-key": {{
		RegexTarget: "match",
		Regexes:     []string{`(?i)^(?:\w{0,20}[ .-])?keys?[\s'"]{0,3}(?:=|>|:|,|\?|\|)`},
	}, {
		Regexes: []string{`^[a-z]{2,20}/`},
	}},
}

// tune changes a rule of gitleaks for texts of requests.
func (s *spec) tune() {
	s.data = notTokens[s.ID]
	s.Allowlists = append(s.Allowlists, allowed[s.ID]...)
}

// notTokens are the rules that find what is to be removed and identifies nobody: ids, public keys, private keys that
// sign, files of several secrets, logins of humans. No fingerprint is made of it.
var notTokens = map[string]bool{
	"adobe-client-id": true, "asana-client-id": true, "bitbucket-client-id": true, "discord-client-id": true,
	"looker-client-id": true, "mailgun-pub-key": true, "lob-pub-api-key": true, "flutterwave-public-key": true,
	"plaid-client-id": true, "sendbird-access-id": true, "sumologic-access-id": true, "linkedin-client-id": true,
	"messagebird-client-id": true, "kubernetes-secret-yaml": true, "private-key": true, "curl-auth-user": true,
	"nuget-config-password": true, "hashicorp-tf-password": true, "sidekiq-sensitive-url": true,
	"age-secret-key": true, "flutterwave-encryption-key": true,
}
