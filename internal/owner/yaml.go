package owner

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseYAML reads a list of rows, or a mapping whose `tokens` is that list. It walks the nodes instead of decoding
// into structs: so it knows the line of everything, refuses unknown keys and aliases (which could make a small file
// a huge one), and never repeats a decoder's message, which quotes the value.
func parseYAML(data []byte, s *sink) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return yamlSyntax(err)
	}
	if doc.Kind == 0 || len(doc.Content) == 0 {
		return nil // an empty file is an empty directory
	}
	list, err := rowList(doc.Content[0])
	if err != nil || list == nil {
		return err
	}
	for _, n := range list.Content {
		r, bad := rowOfYAML(n)
		if err := s.take(n.Line, r, bad); err != nil {
			return err
		}
	}
	return nil
}

func rowList(n *yaml.Node) (*yaml.Node, error) {
	if n.Kind == yaml.MappingNode {
		if len(n.Content) != 2 || n.Content[0].Value != "tokens" {
			return nil, fmt.Errorf("line %d: must be a list of rows or a mapping with the one key `tokens`", n.Line)
		}
		n = n.Content[1]
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil, nil
	}
	if n.Kind != yaml.SequenceNode {
		return nil, fmt.Errorf("line %d: must be a list of rows", n.Line)
	}
	return n, nil
}

func rowOfYAML(n *yaml.Node) (*Row, error) {
	if n.Kind != yaml.MappingNode {
		return nil, errors.New("must be a mapping")
	}
	m := newMember(len(n.Content) / 2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i].Value, n.Content[i+1]
		if err := m.name(name); err != nil {
			return nil, err
		}
		text, err := scalar(name, value)
		if err != nil {
			return nil, err
		}
		if err := m.row.set(name, text); err != nil {
			return nil, err
		}
	}
	return m.finish()
}

// scalar gives the text of a value; only `token_scopes` may be a list.
func scalar(name string, n *yaml.Node) (string, error) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return "", nil
	case n.Kind == yaml.ScalarNode:
		return n.Value, nil
	case n.Kind == yaml.SequenceNode && name == "token_scopes":
		list := make([]string, 0, len(n.Content))
		for _, e := range n.Content {
			if e.Kind != yaml.ScalarNode {
				return "", fmt.Errorf("`%s` must be a list of strings", name)
			}
			list = append(list, e.Value)
		}
		return strings.Join(list, "\n"), nil
	}
	return "", fmt.Errorf("`%s` must be a plain value", name)
}

var lineNumber = regexp.MustCompile(`line (\d+)`)

// yamlSyntax keeps the line of a syntax error and drops its words, which may quote the file.
func yamlSyntax(err error) error {
	if m := lineNumber.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Errorf("line %s: is not YAML", m[1])
	}
	return errors.New("file is not YAML")
}
