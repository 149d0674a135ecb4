package owner

import "time"

// tables returns what the directory holds, the newest first.
func (d *Directory) tables() []*table {
	var list []*table
	for _, t := range [...]*table{d.delta, d.base} {
		if t != nil {
			list = append(list, t)
		}
	}
	return list
}

func (d *Directory) hasDigest(key digestKey) bool {
	for _, t := range d.tables() {
		if t.digests.has(key) {
			return true
		}
	}
	return false
}

func (d *Directory) hasPrint(key printKey) bool {
	for _, t := range d.tables() {
		if t.pinned.has(key) {
			return true
		}
	}
	return false
}

func (d *Directory) hasName(key string) bool {
	for _, t := range d.tables() {
		if _, ok := t.names[key]; ok {
			return true
		}
	}
	return false
}

// facts reads what the directory says of a token at a moment.
func (d *Directory) facts(k *TokenKey, at time.Time, f *Facts) bool {
	for _, t := range d.tables() {
		var r ref
		var ok bool
		switch {
		case k.hashed:
			r, ok = t.digests.get(k.digest)
		case !k.print.IsZero():
			r, ok = t.pinned.get(printOf(k.print))
		default:
			r, ok = t.names[string(appendName(nil, nameCredential, "", k.id))]
		}
		if ok {
			return layer{table: t}.find(r, at, f)
		}
	}
	return false
}

// credentialOf returns the credential id behind a key of table.names.
func credentialOf(name string) (id string, ok bool) {
	if len(name) < 3 || name[0] != nameCredential || name[1] != 0 {
		return "", false
	}
	return name[2:], true
}
