package gateway

import (
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// githubFormat is an event of GitHub's audit log that somebody caused with a token: a request to the API
// (api.request), a Git operation, or any other action. It holds the SHA-256 of the token, which gives the token's own
// fingerprint; the hash itself is not kept.
var githubFormat = &format{
	name:   FormatGitHub,
	object: fillGitHub,
	marks:  []string{"hashed_token", "programmatic_access_type", "_document_id", "actor", "actor_ip", "operation_type"},
	certain: func(doc *jsondoc.Doc) bool {
		_, action := doc.Get(0, "action")
		return action && (hasAny(doc, "actor", "actor_id", "hashed_token"))
	},
	remedies: []Remedy{{
		Blind:  event.VisibilityNone,
		Advice: "Stream the audit log with API request events; the Git events and API requests that carry tokens are in no other export in full.",
		Setting: `Enterprise settings > Audit log > Settings > Enable API Request Events
Enterprise settings > Audit log > Log streaming > Configure stream
`,
	}},
}

// hasAny reports whether the document's object has one of the members.
func hasAny(doc *jsondoc.Doc, names ...string) bool {
	for _, name := range names {
		if _, ok := doc.Get(0, name); ok {
			return true
		}
	}
	return false
}

func fillGitHub(d *draft) error {
	g := github{d: d}
	for i, n := range d.doc.Children(0) {
		if !g.field(i, n) {
			d.rest.node(&d.doc, i)
		}
	}
	return g.finish()
}

// github is what the parts of one event say together.
type github struct {
	d                   *draft
	action, actor, kind string
	created             string
}

func (g *github) field(i int, n *jsondoc.Node) bool {
	d, v := g.d, textOf(n)
	auth := &d.r.Auth
	switch n.Key {
	case "@timestamp":
		d.start = parseMillis(v)
		return !d.start.IsZero()
	case "created_at":
		g.created = v
	case "action":
		g.action = v
		return false
	case "request_method":
		d.setMethod(v, n.Key)
	case "url_path":
		d.setTarget(v)
	case "query_string":
		d.weakQuery = v
	case "route":
		d.route = v
	case "status_code":
		d.status = statusOf(v)
		return d.status != 0
	case "request_body":
		return unkept(d, i, n)
	case "request_id":
		d.requestID = v
	case "user_agent":
		d.userAgent = v
	case "actor":
		d.userName = v
	case "actor_id":
		g.actor = v
		return false
	case "actor_ip":
		d.client = v
	case "actor_location":
		d.each(i, n, func(i int, n *jsondoc.Node) bool { return n.Key == "country_code" && setCountry(d, i, n) })
	case "hashed_token":
		auth.TokenSHA256 = v
	case "token_id":
		auth.CredentialID, auth.Kind = v, FormatGitHub
	case "programmatic_access_type":
		g.kind = v
		return false
	default:
		return false
	}
	return true
}

// finish names the request. What is no API request has neither method nor status; its action takes the place of the
// route, because that is what an action is to a token: the thing that it does, from a list that GitHub keeps.
func (g *github) finish() error {
	d, auth := g.d, &g.d.r.Auth
	if d.start.IsZero() {
		d.start = parseMillis(g.created)
	}
	token := auth.TokenSHA256 != "" || auth.CredentialID != ""
	if g.action != "api.request" {
		if !token && g.kind == "" {
			return reject(ReasonNotARequest) // somebody in the browser
		}
		d.route = g.action
	}
	auth.Principal = g.actor
	auth.Authenticated = token && !refused(d.status)
	if refused(d.status) {
		d.answeredBy = event.AnsweredByGateway
		if d.status != 429 && token {
			d.deny = event.DenyScope // the token is known, so it was not the token that failed
		}
	}
	return nil
}
