package secret

import "github.com/keytrail/keytrail/internal/fingerprint"

// prints are the ids of one credential and their text, each made once for all who ask.
type prints struct {
	fingerprint.IDs
	stamp, previous, oldest string // previous is empty unless two epochs overlap
}

// printed returns the prints of the request's credentials, primary first.
func (p *Pass) printed() []prints {
	creds := p.credentials()
	if len(p.prints) == len(creds) {
		return p.prints
	}
	p.prints = p.prints[:0]
	for i := range creds {
		ids := p.ring.IDs(creds[i].kind, creds[i].digest)
		text := prints{IDs: ids, stamp: ids.Stamp.String(), previous: ids.Previous.String()}
		switch ids.Oldest {
		case ids.Stamp:
			text.oldest = text.stamp
		case ids.Previous:
			text.oldest = text.previous
		default:
			text.oldest = ids.Oldest.String()
		}
		p.prints = append(p.prints, text)
	}
	return p.prints
}

// Fingerprints returns the fingerprints of the request's credentials, primary first.
func (p *Pass) Fingerprints() []fingerprint.ID {
	all := p.printed()
	ids := make([]fingerprint.ID, len(all))
	for i := range all {
		ids[i] = all[i].Stamp
	}
	return ids
}

// Digests returns the inner digests in the same order, for looking up an owner by the hash a directory stores.
func (p *Pass) Digests() []fingerprint.Digest {
	creds := p.credentials()
	ds := make([]fingerprint.Digest, len(creds))
	for i := range creds {
		ds[i] = creds[i].digest
	}
	return ds
}

// Oldest returns the fingerprints under the oldest live epoch in the same order: they do not change at a rotation.
func (p *Pass) Oldest() []string {
	all := p.printed()
	if len(all) == 0 {
		return nil
	}
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = all[i].oldest
	}
	return ids
}
