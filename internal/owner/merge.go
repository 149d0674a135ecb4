package owner

import (
	"maps"
	"slices"
)

// merged is the table of what changed since base was loaded: prev, which earlier changes made, and then news. It
// replaces base key by key. Its chunks begin with those of base, so that a row of base that still holds is not
// copied.
func merged(base, prev, news *table) (*table, error) {
	m := merger{base: base, out: table{chunks: slices.Clone(base.chunks), names: make(map[string]ref)}}
	if prev != nil {
		m.out = table{
			chunks: slices.Clone(prev.chunks), multi: slices.Clone(prev.multi), names: maps.Clone(prev.names),
			pinned: prev.pinned.clone(), digests: prev.digests.clone(), rows: prev.rows,
		}
	}
	m.news, m.shift = news, ref(len(m.out.chunks)<<chunkBits)
	if len(m.out.chunks)+len(news.chunks) >= maxChunks-1 {
		return nil, errTooLarge
	}
	m.out.chunks = append(m.out.chunks, news.chunks...)
	m.cut.full = make(chunks, len(m.out.chunks)) // refs of cut rows begin behind
	for name, r := range news.names {
		m.out.names[name] = m.merge(m.out.names[name], base.names[name], r)
	}
	mergeFlat(&m, &m.out.pinned, &base.pinned, &news.pinned)
	mergeFlat(&m, &m.out.digests, &base.digests, &news.digests)
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

func mergeFlat[K spreadKey](m *merger, out, base, news *flat[K]) {
	out.reserve(news.n)
	for key, r := range news.all() {
		changed, _ := out.get(key)
		old, _ := base.get(key)
		out.put(key, m.merge(changed, old, r))
	}
}

// merge returns what a key leads to in m.out: there it led to changed, in the base to old, and in the news to r. Zero
// is nowhere.
func (m *merger) merge(changed, old, r ref) ref {
	from := &m.out
	if changed == 0 {
		changed, from = old, m.base
	}
	var one, two [1]ref
	var list []ref
	if changed != 0 {
		list = slices.Clone(from.refs(changed, &one))
	}
	for _, n := range m.news.refs(r, &two) {
		list = append(m.end(list, n), n+m.shift)
	}
	if len(list) > maxRanges { // the oldest beginnings go: they serve only the replay of old events
		list = list[len(list)-maxRanges:]
	}
	if from != &m.out {
		changed = 0
	}
	return m.out.lead(changed, list)
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
