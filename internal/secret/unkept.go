package secret

import "strings"

// placeBody is where a credential stood that a body presented.
const placeBody = "body"

// LookUnkept takes text of the request that is searched and never kept, such as a body that the gateway logs: JSON, a
// form, or anything else.
func (p *Pass) LookUnkept(texts []string) {
	for _, text := range texts {
		p.Look(placeBody, text)
		if strings.IndexByte(text, '=') > 0 && !strings.ContainsAny(text[:min(len(text), 64)], "{<[ \r\n") {
			p.lookForm(text)
		}
	}
}

// lookForm takes the fields of application/x-www-form-urlencoded, which are those of a query.
func (p *Pass) lookForm(text string) {
	defer p.recovered()
	p.lookQuery(text[:min(len(text), maxScanned)], rankOther, placeBody)
}
