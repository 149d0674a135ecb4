package owner

import "strings"

// maxParts bounds what the patterns of one rule find.
const maxParts = 16

// parts are the texts that patterns found.
type parts struct {
	n           int
	names, text [maxParts]string
}

func (p *parts) get(name string) (string, bool) {
	for i := range p.n {
		if p.names[i] == name {
			return p.text[i], true
		}
	}
	return "", false
}

// Look gives the owner that the first rule makes which applies. get returns the text of an attribute, "" without
// it.
func (rs *Rules) Look(get func(key string) string, f *Facts) bool {
	for i := range rs.list {
		if rs.list[i].apply(get, f) {
			return true
		}
	}
	return false
}

func (r *rule) apply(get func(string) string, f *Facts) bool {
	var found parts
	for i := range r.match {
		if !r.match[i].pattern.match(get(r.match[i].key), &found) {
			return false
		}
	}
	id := r.fields[OwnerID].render(get, &found)
	if id == "" {
		return false
	}
	f.Text[OwnerID] = id
	for i := OwnerID + 1; i < Texts; i++ {
		f.Text[i] = r.fields[i].render(get, &found)
	}
	return true
}

// match reads text by the pattern. A name takes what stands before the first occurrence of the literal behind it, the
// last name what is left; none is empty.
func (t template) match(text string, found *parts) bool {
	for i, p := range t {
		if p.name == "" {
			var ok bool
			if text, ok = strings.CutPrefix(text, p.literal); !ok {
				return false
			}
			continue
		}
		end := len(text)
		if i+1 < len(t) {
			end = strings.Index(text, t[i+1].literal)
		}
		if end <= 0 || found.n == maxParts {
			return false
		}
		found.names[found.n], found.text[found.n] = p.name, text[:end]
		found.n++
		text = text[end:]
	}
	return text == ""
}

// render fills the template. Without one of its replacements, or with one that no directory could hold, it gives
// nothing: half of a name is another name.
func (t template) render(get func(string) string, found *parts) string {
	if len(t) == 1 && t[0].name == "" {
		return t[0].literal
	}
	var b strings.Builder
	for _, p := range t {
		if p.name == "" {
			b.WriteString(p.literal)
			continue
		}
		text, ok := found.get(p.name)
		if !ok {
			text = get(p.name)
		}
		if text == "" || strings.Contains(text, redacted) {
			return ""
		}
		b.WriteString(text)
	}
	var out string
	if setText(&out, b.String()) != nil {
		return ""
	}
	return out
}

// redacted begins what stands in the place of a credential: two callers who each sent a token as their name are not
// one owner.
const redacted = "[REDACTED"
