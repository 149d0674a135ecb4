package loki

import (
	"cmp"
	"slices"
	"time"

	"github.com/grafana/loki/pkg/push"
	"github.com/klauspost/compress/s2"
)

// entryOverhead is about what an entry costs in protobuf beside its text: timestamp, tags, lengths.
const entryOverhead = 32

func (e *Entry) size() int {
	n := entryOverhead + len(e.Line)
	for _, f := range e.Metadata {
		n += len(f.Name) + len(f.Value) + 6
	}
	return n
}

// prefix is how many of the leading entries make a batch: at least one, however large.
func prefix(entries []Entry, limit int) int {
	size := 0
	for i := range entries {
		if size += entries[i].size(); size > limit && i > 0 {
			return i
		}
	}
	return len(entries)
}

// stream is what one request tells of one stream. Its entries stand in order of time: Loki refuses what is too far
// behind the newest it has of a stream, so the oldest goes first.
type stream struct {
	labels  string
	entries []Entry
}

// byStream parts a batch into streams, sorted by their labels, so that the same batch is the same bytes.
func byStream(batch []Entry) []stream {
	index := make(map[Labels]int)
	var out []stream
	for _, e := range batch {
		i, ok := index[e.Labels]
		if !ok {
			i = len(out)
			index[e.Labels] = i
			out = append(out, stream{labels: e.Labels.String()})
		}
		out[i].entries = append(out[i].entries, e)
	}
	for i := range out {
		slices.SortStableFunc(out[i].entries, func(a, b Entry) int { return cmp.Compare(a.Time, b.Time) })
	}
	slices.SortFunc(out, func(a, b stream) int { return cmp.Compare(a.labels, b.labels) })
	return out
}

func count(streams []stream) int {
	n := 0
	for _, s := range streams {
		n += len(s.entries)
	}
	return n
}

// halves splits by streams, or where there is one, in the middle of its entries.
func halves(streams []stream) (a, b []stream) {
	if len(streams) > 1 {
		return streams[:len(streams)/2], streams[len(streams)/2:]
	}
	s, mid := streams[0], len(streams[0].entries)/2
	return []stream{{s.labels, s.entries[:mid]}}, []stream{{s.labels, s.entries[mid:]}}
}

// encode makes the body of a push request.
func encode(streams []stream) ([]byte, error) {
	req := push.PushRequest{Streams: make([]push.Stream, 0, len(streams))}
	for _, s := range streams {
		ps := push.Stream{Labels: s.labels, Entries: make([]push.Entry, 0, len(s.entries))}
		for _, e := range s.entries {
			md := make(push.LabelsAdapter, 0, len(e.Metadata))
			for _, f := range e.Metadata {
				md = append(md, push.LabelAdapter{Name: f.Name, Value: f.Value})
			}
			ps.Entries = append(ps.Entries, push.Entry{Timestamp: time.Unix(0, e.Time).UTC(), Line: e.Line, StructuredMetadata: md})
		}
		req.Streams = append(req.Streams, ps)
	}
	b, err := req.Marshal()
	if err != nil {
		return nil, err
	}
	return s2.EncodeSnappy(nil, b), nil
}
