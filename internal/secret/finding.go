package secret

// FieldKind is where in a record something was found. The set is closed: it is a label.
type FieldKind string

// Kinds of fields.
const (
	FieldHeader    FieldKind = "header"    // of a request or a response, but the two below
	FieldCookie    FieldKind = "cookie"    // Cookie and Set-Cookie
	FieldQuery     FieldKind = "query"     // url.query
	FieldURL       FieldKind = "url"       // a path or a whole URL
	FieldAttribute FieldKind = "attribute" // any other attribute, a body included
	FieldKey       FieldKind = "key"       // the name of an attribute
	FieldText      FieldKind = "text"      // text without a key: names, status messages, bytes
)

// Result is what became of a finding.
type Result string

// Results.
const (
	ResultRedacted Result = "redacted" // cut out, and replaced by the name of its rule
	ResultRemoved  Result = "removed"  // all of the field went, because it kept changing while it was redacted
	ResultFailed   Result = "failed"   // a rule failed, and the field went
)

// Finding counts what one rule did in one kind of field. It holds nothing of what was found.
type Finding struct {
	Rule   string // of the floor, or of the Searcher
	Field  FieldKind
	Result Result
	Count  int
}

// maxFindings bounds how many kinds of findings one record tells apart; the counts of more go to ruleOther.
const maxFindings = 32

const ruleOther = "other"

// Findings are what scrubbing removed so far. They are good until End.
func (p *Pass) Findings() []Finding { return p.findings }

func (p *Pass) count(rule string, field FieldKind, result Result) {
	for i := range p.findings {
		if f := &p.findings[i]; f.Rule == rule && f.Field == field && f.Result == result {
			f.Count++
			return
		}
	}
	if len(p.findings) >= maxFindings && rule != ruleOther {
		p.count(ruleOther, field, result)
		return
	}
	p.findings = append(p.findings, Finding{rule, field, result, 1})
}

// field says of which kind the values under a key are.
func (c *keyClass) field() FieldKind {
	switch {
	case c.kind != "":
		return c.kind
	case c.bears && (c.means.rule == "cookie" || c.means.rule == "set_cookie"):
		return FieldCookie
	case c.header, c.response:
		return FieldHeader
	case c.query:
		return FieldQuery
	case c.target:
		return FieldURL
	}
	return FieldAttribute
}
