package gateway

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// Options are what a source may configure of its parser.
type Options struct {
	// Mapping names, for the json format, the field that holds an attribute: attribute key → dotted path, with a
	// unit (ns, us, ms, s) after a space where the attribute is a duration. For the haproxy format it names the
	// captured headers, which the line has none for: attribute key → request.<n> or response.<n>, with the capture's
	// len after a space.
	Mapping map[string]string
	// TrustedProxies are the networks whose X-Forwarded-For counts.
	TrustedProxies Proxies
}

// Parser reads one record of a format.
type Parser interface {
	// Parse appends to r what raw says of one request, under the keys of an event, and returns the time the
	// gateway claims it began, zero where it gives none. The strings of r share one copy of raw. What a refused
	// record leaves in r is of no use: the error is a *RejectError and r wants its Reset.
	//
	// A Parser is safe for concurrent use.
	Parse(raw []byte, r *event.Record) (claimed time.Time, err error)
}

// New returns the parser of a format.
func New(name string, o Options) (Parser, error) {
	p := &parser{fill: fillSniffed, proxies: slices.Clone(o.TrustedProxies)}
	var err error
	if name == FormatHAProxy {
		p.captures, err = newCaptures(o.Mapping)
	} else {
		p.mapping, err = newMapping(o.Mapping)
	}
	if err != nil {
		return nil, err
	}
	if name != FormatAuto {
		f := formatNamed(name)
		if f == nil {
			return nil, fmt.Errorf("format: must be one of %s, found %q", strings.Join(Formats(), ", "), name)
		}
		p.fill, p.format = f.fill, f
	}
	if len(p.mapping) > 0 && name != FormatJSON && name != FormatLogfmt && name != FormatAuto {
		return nil, fmt.Errorf("mapping: only the formats json, logfmt and haproxy take one, found format %q", name)
	}
	return p, nil
}

type parser struct {
	format   *format // nil where each record shows its own
	fill     func(*draft) error
	mapping  mapping
	captures *captures
	proxies  Proxies
}

// drafts are pooled with their document; one that a huge record has blown up is left to the collector.
var drafts = sync.Pool{New: func() any { return new(draft) }}

const maxPooledNodes = 1 << 12

func (p *parser) Parse(raw []byte, r *event.Record) (time.Time, error) {
	if len(raw) > MaxRecordBytes {
		return time.Time{}, reject(ReasonTooLarge)
	}
	d := drafts.Get().(*draft)
	d.begin(string(raw), r)
	d.mapping, d.captures = p.mapping, p.captures
	claimed, err := p.parse(d)
	if d.release(); d.doc.Size() <= maxPooledNodes {
		drafts.Put(d)
	}
	return claimed, err
}

func (p *parser) parse(d *draft) (time.Time, error) {
	d.text = strings.TrimSpace(d.text)
	if d.text == "" {
		return time.Time{}, reject(ReasonEmpty)
	}
	if err := p.unwrap(d); err != nil {
		return time.Time{}, err
	}
	if err := p.fill(d); err != nil {
		return time.Time{}, err
	}
	d.fillOuter()
	if !d.namesRequest() {
		return time.Time{}, reject(ReasonMissingFields)
	}
	return d.finish(p.proxies), nil
}

// object reads the draft's text as a JSON object, once.
func (d *draft) object() error {
	if d.parsed {
		return nil
	}
	err := d.doc.Parse(d.text, jsondoc.Limits{Depth: MaxDepth, Nodes: MaxFields})
	switch {
	case errors.Is(err, jsondoc.ErrTooDeep):
		return reject(ReasonTooDeep)
	case errors.Is(err, jsondoc.ErrTooMany):
		return reject(ReasonTooManyFields)
	case err != nil:
		return reject(ReasonMalformedJSON)
	case d.doc.Node(0).Kind != jsondoc.Object:
		return reject(ReasonNotAnObject)
	}
	d.parsed = true
	return nil
}
