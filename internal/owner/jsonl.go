package owner

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/valyala/fastjson"
)

// parseJSONL reads an object a line. Empty lines are passed over.
func parseJSONL(data []byte, s *sink) error {
	var p fastjson.Parser
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	for line := 1; len(data) > 0; line++ {
		text, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		r, bad := rowOfJSON(&p, text)
		if err := s.take(line, r, bad); err != nil {
			return err
		}
	}
	return nil
}

func rowOfJSON(p *fastjson.Parser, text []byte) (*Row, error) {
	v, err := p.ParseBytes(text)
	if err != nil { // its text quotes the line
		return nil, errors.New("is not JSON")
	}
	object, err := v.Object()
	if err != nil {
		return nil, errors.New("must be an object")
	}
	m := newMember(object.Len())
	var failed error
	object.Visit(func(key []byte, v *fastjson.Value) {
		if failed == nil {
			failed = m.json(string(key), v)
		}
	})
	if failed != nil {
		return nil, failed
	}
	return m.finish()
}

func (m *member) json(name string, v *fastjson.Value) error {
	if err := m.name(name); err != nil {
		return err
	}
	text, err := textOfJSON(name, v)
	if err != nil {
		return err
	}
	return m.row.set(name, text)
}

// textOfJSON gives the text of a value; only `token_scopes` may be a list.
func textOfJSON(name string, v *fastjson.Value) (string, error) {
	switch v.Type() {
	case fastjson.TypeNull:
		return "", nil
	case fastjson.TypeString:
		return string(v.GetStringBytes()), nil
	case fastjson.TypeNumber, fastjson.TypeTrue, fastjson.TypeFalse:
		return v.String(), nil
	case fastjson.TypeArray:
		if name != "token_scopes" {
			break
		}
		list := v.GetArray()
		texts := make([]string, len(list))
		for i, e := range list {
			if e.Type() != fastjson.TypeString {
				return "", fmt.Errorf("`%s` must be a list of strings", name)
			}
			texts[i] = string(e.GetStringBytes())
		}
		return strings.Join(texts, "\n"), nil
	}
	return "", fmt.Errorf("`%s` must be a plain value", name)
}
