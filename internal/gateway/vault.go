package gateway

import (
	"strconv"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// vaultFormat is Vault's audit log, and OpenBao's. Each request is written twice, when it comes in and when it is
// answered, under one id; the answer says all that the request says and how it ended, so it alone is the event. Vault
// writes it for refused requests too.
var vaultFormat = &format{
	name:   FormatVault,
	object: fillVault,
	marks:  []string{"auth", "type", "forwarded_from"},
	certain: func(doc *jsondoc.Doc) bool {
		i, ok := doc.Get(0, "request")
		if !ok || !hasAny(doc, "type") {
			return false
		}
		_, operation := doc.Get(i, "operation")
		return operation
	},
	remedies: []Remedy{{
		Blind:   event.VisibilityID,
		Advice:  "Vault hashes the token's accessor with a key of the audit device; written plain, it is the accessor that vault token lookup shows.",
		Setting: "vault audit enable file file_path=/var/log/vault/audit.log hmac_accessor=false\n",
	}},
}

func fillVault(d *draft) error {
	v := vault{d: d}
	for i, n := range d.doc.Children(0) {
		if !v.top(i, n) {
			d.rest.node(&d.doc, i)
		}
	}
	if v.kind != "response" {
		return reject(ReasonNotARequest)
	}
	v.finish()
	return nil
}

// vault is what the parts of one entry say together.
type vault struct {
	d                        *draft
	kind                     string
	operation, path, uri, ns string
	accessor, token          string
	entity, errText          string
	answered                 bool // the answer holds something
}

func (v *vault) top(i int, n *jsondoc.Node) bool {
	d := v.d
	switch n.Key {
	case "time":
		d.end = parseTime(textOf(n))
		return !d.end.IsZero()
	case "type":
		v.kind = textOf(n)
	case "error":
		v.errText = textOf(n)
		return false
	case "auth":
		d.each(i, n, v.auth)
	case "request":
		d.each(i, n, v.request)
	case "response":
		d.each(i, n, v.response)
	default:
		return false
	}
	return true
}

func (v *vault) auth(_ int, n *jsondoc.Node) bool {
	switch n.Key {
	case "accessor":
		v.accessor = textOf(n)
	case "client_token":
		v.setToken(textOf(n))
	case "display_name":
		v.d.userName = textOf(n)
	case "entity_id":
		v.entity = textOf(n)
		return false // ② reads the owner from vault.auth.*
	default:
		return false
	}
	return true
}

func (v *vault) request(i int, n *jsondoc.Node) bool {
	d := v.d
	switch n.Key {
	case "id":
		d.requestID = textOf(n)
	case "operation":
		v.operation = textOf(n)
		return false
	case "path":
		v.path = textOf(n)
	case "request_uri":
		v.uri = textOf(n)
	case "namespace":
		v.ns = d.member(i, "path")
		return false
	case "client_token":
		v.setToken(textOf(n))
	case "client_token_accessor":
		if v.accessor == "" {
			v.accessor = textOf(n)
		}
	case "remote_address":
		d.client = textOf(n)
	case "remote_port":
		return setClientPort(d, i, n)
	case "headers":
		v.headers(i)
	case "data":
		v.body(i)
	default:
		return false
	}
	return true
}

func (v *vault) response(i int, n *jsondoc.Node) bool {
	switch n.Key {
	case "data":
		v.answered = v.answered || v.d.doc.Len(i) > 0
		v.body(i)
	case "auth", "wrap_info":
		v.answered = true
		v.body(i) // a token that was made, not the one that was used
	case "warnings", "redirect", "secret":
		v.answered = true
		return false
	default:
		return false
	}
	return true
}

// vaultHash begins what Vault has hashed with the audit device's key.
const vaultHash = "hmac-sha256:"

// setToken takes the token. A device with log_raw writes it as it is; else it is a keyed hash, which names it.
func (v *vault) setToken(s string) {
	switch {
	case s == "":
	case strings.HasPrefix(s, vaultHash):
		v.token = s
	case v.d.headers.first("x-vault-token") != s:
		v.d.headers.add("x-vault-token", s)
	}
}

// headers takes the headers that the operator has chosen; a hashed value is not the header.
func (v *vault) headers(i int) {
	d := v.d
	mark := d.rest.enter("headers")
	for c, n := range d.doc.Children(i) {
		if strings.Contains(n.Text, vaultHash) {
			d.rest.node(&d.doc, c)
			continue
		}
		if n.Kind != jsondoc.Array {
			d.headers.add(n.Key, headerText(n))
			continue
		}
		for _, value := range d.doc.Children(c) {
			d.headers.add(n.Key, headerText(value))
		}
	}
	d.rest.leave(mark)
}

// body hands over what stands plain in a body to be searched for credentials; the rest is hashed already.
func (v *vault) body(i int) {
	for c, n := range v.d.doc.Children(i) {
		switch {
		case n.Kind == jsondoc.Object || n.Kind == jsondoc.Array:
			v.body(c)
		case n.Kind == jsondoc.String && n.Text != "" && !strings.HasPrefix(n.Text, vaultHash):
			v.d.r.Unkept = append(v.d.r.Unkept, strconv.Quote(n.Key)+": "+strconv.Quote(n.Text))
		}
	}
}

// vaultMethods are the methods by which Vault's HTTP API takes each operation. A list comes as LIST or as a GET, a
// create or update as POST or PUT: the log does not tell which.
var vaultMethods = map[string]string{
	"read": "GET", "list": "LIST", "create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE",
	"help": "GET", "header": "HEAD", "recover": "POST",
}

func (v *vault) finish() {
	d := v.d
	d.method = vaultMethods[v.operation]
	if v.uri != "" {
		d.setTarget(v.uri)
	} else {
		d.setTarget("/v1/" + v.ns + v.path)
	}
	d.status = v.status()
	auth := &d.r.Auth
	if auth.CredentialID = v.accessor; v.accessor == "" {
		auth.CredentialID = v.token
	} else {
		d.rest.string("client_token_hmac", v.token)
	}
	if auth.CredentialID != "" {
		auth.Kind = FormatVault
	}
	if d.deny = v.reason(); d.deny != "" {
		d.answeredBy = event.AnsweredByGateway
	}
	if auth.Authenticated = auth.CredentialID != "" && !refused(d.status); auth.Authenticated {
		auth.Principal = v.entity
	}
}
