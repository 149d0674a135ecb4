package gateway

import "github.com/keytrail/keytrail/internal/gateway/jsondoc"

// fillSniffed reads a record of any known format.
func fillSniffed(d *draft) error {
	if d.text[0] != '{' {
		f := sniffLine(d.text)
		d.as(f.name)
		return f.line(d)
	}
	if err := d.object(); err != nil {
		return err
	}
	if f := d.sniffed; f != nil {
		d.as(f.name)
		return f.object(d)
	}
	d.as(jsonFormat.name)
	if err := jsonFormat.object(d); err != nil {
		return err
	}
	if !d.namesRequest() {
		return reject(ReasonUnknownFormat)
	}
	return nil
}

// sniffLine returns the format of a line, nginx's where no other claims it: combined is the format of most servers.
func sniffLine(line string) *format {
	for _, f := range formats {
		if f.isLine != nil && f.isLine(line) {
			return f
		}
	}
	return nginxFormat
}

// maxFormats bounds the list of formats: a set of them is one word.
const maxFormats = 64

// marks maps the name of a field to the formats that have it, as a set by their place in formats.
var marks = func() map[string]uint64 {
	m := map[string]uint64{}
	for i, f := range formats {
		for _, name := range f.marks {
			m[name] |= 1 << i
		}
	}
	return m
}()

// sniff returns the format whose marks an object has most of, nil without a mark.
func sniff(doc *jsondoc.Doc) *format {
	var count [maxFormats]uint8
	seen := uint64(0)
	for _, n := range doc.Children(0) {
		set := marks[n.Key]
		for i := 0; set != 0; i, set = i+1, set>>1 {
			if set&1 != 0 && count[i] < 255 {
				count[i]++
				seen |= 1 << i
			}
		}
	}
	if seen == 0 {
		return nil
	}
	best := -1
	for i, f := range formats {
		if count[i] == 0 || best >= 0 && count[i] <= count[best] || f.certain != nil && !f.certain(doc) {
			continue
		}
		best = i
	}
	if best < 0 {
		return nil
	}
	return formats[best]
}
