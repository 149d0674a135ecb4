package owner

import (
	"maps"
	"slices"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

// merged is the table of what changed since base was loaded: prev, which earlier changes made, and then news. It
// replaces base key by key. Its chunks begin with those of base, so that a row of base that still holds is not
// copied.
func merged(base, prev, news *table) (*table, error) {
	m := merger{base: base, out: table{
		chunks: slices.Clone(base.chunks), names: make(map[string]ref),
		pinned: make(map[printKey]ref), digests: make(map[fingerprint.Digest]ref),
	}}
	if prev != nil {
		m.out = table{
			chunks: slices.Clone(prev.chunks), multi: slices.Clone(prev.multi), names: maps.Clone(prev.names),
			pinned: maps.Clone(prev.pinned), digests: maps.Clone(prev.digests), rows: prev.rows,
		}
	}
	m.news, m.shift = news, ref(len(m.out.chunks)<<chunkBits)
	if len(m.out.chunks)+len(news.chunks) >= maxChunks-1 {
		return nil, errTooLarge
	}
	m.out.chunks = append(m.out.chunks, news.chunks...)
	m.cut.full = make(chunks, len(m.out.chunks)) // refs of cut rows begin behind
	mergeKeys(&m, m.out.names, base.names, news.names)
	mergeKeys(&m, m.out.pinned, base.pinned, news.pinned)
	mergeKeys(&m, m.out.digests, base.digests, news.digests)
	if m.err != nil {
		return nil, m.err
	}
	m.cut.seal()
	m.out.chunks = append(m.out.chunks, m.cut.full[len(m.out.chunks):]...)
	m.out.rows += news.rows
	return &m.out, nil
}

type merger struct {
	base, news *table
	out        table
	shift      ref    // of the refs of news
	cut        packer // rows whose validity ended with a newer row
	err        error
}

func mergeKeys[K comparable](m *merger, out, base, news map[K]ref) {
	for key, r := range news {
		var one, two [1]ref
		old, from := out[key], &m.out
		if _, ok := out[key]; !ok {
			old, from = base[key], m.base
			if _, ok := base[key]; !ok {
				from = nil
			}
		}
		var list []ref
		if from != nil {
			list = slices.Clone(from.refs(old, &one))
		}
		for _, n := range m.news.refs(r, &two) {
			list = append(m.end(list, n), n+m.shift)
		}
		if len(list) > maxRanges { // the oldest beginnings go: they serve only the replay of old events
			list = list[len(list)-maxRanges:]
		}
		if from != &m.out {
			old = 0
		}
		out[key] = m.out.lead(old, list)
	}
}

// end takes from a key's rows those that a new row replaces. One that began earlier keeps the time before it: a
// change of owner in a directory that keeps no history must not rename the past.
func (m *merger) end(list []ref, news ref) []ref {
	nr := m.news.chunks.at(news)
	_, _, s := nr.head()
	kept := list[:0]
	for _, r := range list {
		rd := m.row(r)
		line, mask, old := rd.head()
		if !old.overlaps(s) {
			kept = append(kept, r)
			continue
		}
		if old.from >= s.from {
			continue
		}
		var f Facts
		rd.facts(mask, &f)
		at, err := m.cut.add(line, span{old.from, s.from}, &f)
		if err != nil {
			m.err = err
		}
		kept = append(kept, at)
	}
	return kept
}

// row reads a row of the table in the making.
func (m *merger) row(r ref) reader {
	if int(r>>chunkBits) < len(m.out.chunks) {
		return m.out.chunks.at(r)
	}
	return m.cut.at(r)
}
