package gateway

import (
	"net/url"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// gitlabFormat is a line of GitLab's api_json.log, and of production_json.log, which has the same names. GitLab writes
// the type and the id of the token, never the token.
var gitlabFormat = &format{
	name:   FormatGitLab,
	object: fillGitLab,
	marks: []string{
		"meta.caller_id", "meta.feature_category", "meta.client_id", "meta.user", "meta.auth_fail_reason",
		"request_urgency", "target_duration_s", "gitaly_calls", "gitaly_duration_s", "db_duration_s", "queue_duration_s",
		"redis_calls", "token_type",
	},
	certain: func(doc *jsondoc.Doc) bool { return hasAny(doc, "status") && hasAny(doc, "path", "route") },
	remedies: []Remedy{{
		Blind:  event.VisibilityNone,
		Advice: "Older versions of GitLab name no token; let the nginx in front of it log the headers, by config/gateways/nginx/keytrail.conf.",
		Setting: `nginx['custom_nginx_config'] = "include /etc/gitlab/keytrail.conf;"
nginx['custom_gitlab_server_config'] = "access_log /var/log/gitlab/nginx/keytrail.log keytrail;"`,
	}},
}

func fillGitLab(d *draft) error {
	g := gitlab{d: d}
	for i, n := range d.doc.Children(0) {
		if !g.field(i, n) {
			d.rest.node(&d.doc, i)
		}
	}
	g.finish()
	return nil
}

// gitlab is what the parts of one line say together.
type gitlab struct {
	d                       *draft
	params                  int
	tokenType, tokenID      string
	failReason, failedToken string
	user, correlation       string
	forwarded               string
}

func (g *gitlab) field(i int, n *jsondoc.Node) bool {
	d, v := g.d, textOf(n)
	switch n.Key {
	case "time":
		d.end = parseTime(v)
		return !d.end.IsZero()
	case "method":
		d.setMethod(v, n.Key)
	case "path":
		return setPath(d, i, n)
	case "route":
		d.route = v
	case "status":
		d.status = statusOf(v)
		return d.status != 0
	case "host":
		d.host = v
	case "remote_ip":
		g.forwarded = v
	case "meta.remote_ip":
		d.client = v
	case "ua":
		d.userAgent = v
	case "duration_s":
		d.duration = durationOf(n, 1)
	case "duration": // before duration_s, in milliseconds
		return orDuration(d, n, 1e3)
	case "correlation_id":
		g.correlation = v
	case "username":
		d.userName = v
	case "user_id":
		g.user = v
		return false
	case "params":
		g.params = i
	case "token_type":
		g.tokenType = v
		return false
	case "token_id":
		g.tokenID = v
	case "meta.auth_fail_reason":
		g.failReason = v
		return false
	case "meta.auth_fail_token_id": // PersonalAccessToken/12
		g.failedToken = v
	default:
		return false
	}
	return true
}

func (g *gitlab) finish() {
	d := g.d
	d.requestID = g.correlation
	g.parameters()
	g.client()
	auth := &d.r.Auth
	switch {
	case g.tokenID != "":
		auth.CredentialID = strings.TrimPrefix(g.tokenType+"/"+g.tokenID, "/")
	case g.failedToken != "":
		auth.CredentialID = g.failedToken
	}
	if auth.CredentialID != "" {
		auth.Kind = FormatGitLab
		auth.Authenticated = g.tokenID != "" && d.status != 401
	}
	if auth.Authenticated {
		auth.Principal = g.user
	}
	if refused(d.status) { // a reason alone refuses nothing: another credential of the request may have been let in
		d.answeredBy = event.AnsweredByGateway
		d.deny = gitlabReasons[g.failReason]
	}
	d.unseen()
}

// client: meta.remote_ip is what GitLab resolved. remote_ip is X-Forwarded-For as it came, where there is one, and else
// who connected.
func (g *gitlab) client() {
	d := g.d
	switch {
	case strings.Contains(g.forwarded, ","):
		d.headers.add("x-forwarded-for", g.forwarded)
	case d.client == "":
		d.client = g.forwarded
	case g.forwarded != d.client:
		d.rest.string("remote_ip", g.forwarded)
	}
}

// gitlabReasons are the values of auth_fail_reason.
var gitlabReasons = map[string]string{
	"token_expired": event.DenyTokenExpired, "token_revoked": event.DenyTokenRevoked,
	"insufficient_scope": event.DenyScope, "impersonation_disabled": event.DenyScope,
	"token_not_found": event.DenyTokenInvalid, "invalid_token": event.DenyTokenInvalid,
	"dpop_error": event.DenyTokenInvalid, "granular_scope_not_allowed": event.DenyScope,
}

// gitlabFiltered stands in place of a secret parameter.
const gitlabFiltered = "[FILTERED]"

// parameters takes [{"key":…,"value":…},…]: the query of a request that has no body, else query and body together,
// which are searched for credentials and not kept.
func (g *gitlab) parameters() {
	d := g.d
	if g.params == 0 {
		return
	}
	n := d.doc.Node(g.params)
	if d.method != "GET" && d.method != "HEAD" || n.Kind != jsondoc.Array {
		unkept(d, g.params, n)
		return
	}
	var query strings.Builder
	for c := range d.doc.Children(g.params) {
		at, ok := d.doc.Get(c, "value")
		if !ok {
			continue
		}
		if query.Len() > 0 {
			query.WriteByte('&')
		}
		value := headerText(d.doc.Node(at))
		if value != gitlabFiltered {
			value = url.QueryEscape(value)
		}
		query.WriteString(url.QueryEscape(d.member(c, "key")) + "=" + value)
	}
	d.weakQuery = query.String()
}
