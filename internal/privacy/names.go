package privacy

import "strings"

// names is a list of keys, some of which stand for all that begin alike.
type names struct {
	whole    map[string]struct{}
	prefixes []string
}

func newNames(list []string) names {
	n := names{whole: make(map[string]struct{}, len(list))}
	for _, key := range list {
		if prefix, ok := strings.CutSuffix(key, "*"); ok {
			n.prefixes = append(n.prefixes, prefix)
			continue
		}
		n.whole[key] = struct{}{}
	}
	return n
}

func (n *names) empty() bool { return len(n.whole) == 0 && len(n.prefixes) == 0 }

func (n *names) has(key string) bool {
	if _, ok := n.whole[key]; ok {
		return true
	}
	for _, p := range n.prefixes {
		if strings.HasPrefix(key, p) {
			return true
		}
	}
	return false
}
