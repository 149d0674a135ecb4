package owner

import (
	"cmp"
	"slices"
	"time"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

// MaxRotations bounds what one load tells of. More at once is no rotation of tokens but a directory that was filled
// or renamed.
const MaxRotations = 1000

// Rotation is a token that a directory shows in the place of an older one of the same owner.
type Rotation struct {
	// New and Old name the two tokens.
	New, Old TokenKey
	// Facts are what the directory says of the new one.
	Facts Facts
	// Seen is when it was read.
	Seen time.Time
}

// TokenKey is what a directory knows a token by: its hash or its fingerprint, else its credential id.
type TokenKey struct {
	digest digestKey
	hashed bool
	print  fingerprint.ID
	id     string
}

// Text names the token: by its fingerprint, or by its credential id where the directory knows no more. printed says
// which.
func (k *TokenKey) Text(ring *fingerprint.Ring) (text string, printed bool) {
	switch {
	case k.hashed:
		return ring.Stamp(fingerprint.Credential, fingerprint.Digest(k.digest)).String(), true
	case !k.print.IsZero():
		return k.print.String(), true
	}
	return k.id, false
}

// CredentialID returns the id, "" where the directory gives none.
func (k *TokenKey) CredentialID() string { return k.id }

func (k *TokenKey) printable() bool { return k.hashed || !k.print.IsZero() }

// rotations compares two states of a directory. A token is new where none of its keys was known. It replaces one of
// the same owner with the same token id or the same token name, or one whose credential id it took over; and the older
// one must be out of use: gone, revoked, expired, or created before.
func rotations(former, now *Directory, at time.Time) (found []Rotation, more int) {
	c := comparison{former: former, now: now, at: at, groups: make(map[string][]*born)}
	c.findNew()
	if len(c.fresh) == 0 {
		return nil, 0
	}
	c.findReplaced()
	c.nameReplaced()
	for _, b := range c.fresh {
		if b.from != nil {
			found = append(found, Rotation{New: b.key, Old: b.old, Facts: b.facts, Seen: at})
		}
	}
	slices.SortFunc(found, func(a, b Rotation) int {
		return cmp.Or(
			cmp.Compare(a.Facts.Text[OwnerID], b.Facts.Text[OwnerID]), cmp.Compare(a.Facts.Text[TokenName], b.Facts.Text[TokenName]),
			slices.Compare(a.New.digest[:], b.New.digest[:]), cmp.Compare(a.New.id, b.New.id))
	})
	if len(found) > MaxRotations {
		found, more = found[:MaxRotations], len(found)-MaxRotations
	}
	return found, more
}

// born is a token that the former directory did not have, and the one that it replaces: from is its table, nil
// without one.
type born struct {
	key   TokenKey
	facts Facts

	old     TokenKey
	oldMade time.Time
	from    *table
	row     ref
}

type comparison struct {
	former, now *Directory
	at          time.Time
	fresh       []*born
	groups      map[string][]*born // by what two tokens must share
	room        [3 * MaxFieldBytes]byte
	pace        pace
}

// findNew takes the rows whose hash, fingerprint or credential id is new.
func (c *comparison) findNew() {
	for _, t := range c.now.tables() {
		made := make(map[ref]*born)
		for d, r := range t.digests.all() {
			c.pace.step()
			if !c.former.hasDigest(d) {
				c.bear(made, t, r, TokenKey{digest: d, hashed: true})
			}
		}
		for p, r := range t.pinned.all() {
			c.pace.step()
			if !c.former.hasPrint(p) {
				c.bear(made, t, r, TokenKey{print: p.id()})
			}
		}
		c.takeIDs(made, t)
	}
}

// takeIDs adds the credential ids: of the new tokens, where a known id has got a new secret, and of rows that have
// nothing but a new id.
func (c *comparison) takeIDs(made map[ref]*born, t *table) {
	ids := make(map[ref]string)
	for name, r := range t.names {
		c.pace.step()
		id, ok := credentialOf(name)
		if !ok {
			continue
		}
		if b := made[r]; b != nil {
			b.key.id = id
			c.group(b, groupCredential, "", id)
		} else if !c.former.hasName(name) {
			ids[r] = id
		}
	}
	if len(ids) == 0 {
		return
	}
	for _, r := range t.digests.all() {
		c.pace.step()
		delete(ids, r)
	}
	for _, r := range t.pinned.all() {
		c.pace.step()
		delete(ids, r)
	}
	for r, id := range ids {
		c.bear(made, t, r, TokenKey{id: id})
	}
}

// bear takes one new row. One of several under a key is a change of hands, not of tokens; a dead one takes nobody's
// place.
func (c *comparison) bear(made map[ref]*born, t *table, r ref, key TokenKey) {
	if r&many != 0 || made[r] != nil {
		return
	}
	b := &born{key: key}
	rd := t.chunks.at(r)
	_, mask, s := rd.head()
	if rd.facts(mask, &b.facts); !s.holds(c.at) || b.facts.State(c.at) != event.StateActive {
		return
	}
	made[r], c.fresh = b, append(c.fresh, b)
	c.group(b, groupID, b.facts.Text[OwnerID], b.facts.Text[TokenID])
	c.group(b, groupName, b.facts.Text[OwnerID], b.facts.Text[TokenName])
}

// What a token shares with the one that it replaces.
const (
	groupID         = 'i'
	groupName       = 'n'
	groupCredential = 'c'
)

func (c *comparison) groupKey(kind byte, owner, text string) []byte {
	return appendName(c.room[:0], kind, owner, text)
}

func (c *comparison) group(b *born, kind byte, owner, text string) {
	if text != "" {
		key := string(c.groupKey(kind, owner, text))
		c.groups[key] = append(c.groups[key], b)
	}
}

// findReplaced walks the former directory for tokens of the same groups.
func (c *comparison) findReplaced() {
	for _, t := range c.former.tables() {
		for d, r := range t.digests.all() {
			c.match(t, r, TokenKey{digest: d, hashed: true}, c.now.hasDigest(d))
		}
		for p, r := range t.pinned.all() {
			c.match(t, r, TokenKey{print: p.id()}, c.now.hasPrint(p))
		}
		for name, r := range t.names {
			if id, ok := credentialOf(name); ok {
				c.match(t, r, TokenKey{id: id}, c.now.hasName(name))
			}
		}
	}
}

// match offers one old token to the new ones that share something with it.
func (c *comparison) match(t *table, r ref, key TokenKey, stays bool) {
	c.pace.step()
	if r&many != 0 {
		return
	}
	var f Facts
	rd := t.chunks.at(r)
	_, mask, s := rd.head()
	rd.facts(mask, &f)
	stays = stays && s.holds(c.at)
	offer := func(kind byte, owner, text string) {
		if text == "" {
			return
		}
		for _, b := range c.groups[string(c.groupKey(kind, owner, text))] {
			if f.Text[OwnerID] == b.facts.Text[OwnerID] && c.older(&f, b) && c.outOfUse(&key, stays, &f, b) {
				b.old, b.oldMade, b.from, b.row = key, f.Moment[CreatedAt], t, r
			}
		}
	}
	offer(groupID, f.Text[OwnerID], f.Text[TokenID])
	offer(groupName, f.Text[OwnerID], f.Text[TokenName])
	offer(groupCredential, "", key.id)
}

// older reports whether f is of a token made before b, and after the one that b is known to replace: of several the
// youngest.
func (c *comparison) older(f *Facts, b *born) bool {
	made, mine := f.Moment[CreatedAt], b.facts.Moment[CreatedAt]
	if !made.IsZero() && !mine.IsZero() && made.After(mine) {
		return false
	}
	return b.from == nil || made.After(b.oldMade)
}

// outOfUse reports whether the old token has made room for b. A load of changes shows no deletions: there a row that
// is not among them stays.
func (c *comparison) outOfUse(key *TokenKey, stays bool, f *Facts, b *born) bool {
	if !stays || key.id != "" && key.id == b.key.id {
		return true
	}
	var now Facts
	if c.now.facts(key, c.at, &now) {
		f = &now
	}
	made, mine := f.Moment[CreatedAt], b.facts.Moment[CreatedAt]
	return f.State(c.at) != event.StateActive || !made.IsZero() && made.Before(mine)
}

// nameReplaced finds the hash or fingerprint of the old tokens that were found by their id.
func (c *comparison) nameReplaced() {
	for _, t := range c.former.tables() {
		byID := make(map[ref][]*born)
		for _, b := range c.fresh {
			if b.from == t && !b.old.printable() {
				byID[b.row] = append(byID[b.row], b)
			}
		}
		if len(byID) == 0 {
			continue
		}
		for d, r := range t.digests.all() {
			c.pace.step()
			for _, b := range byID[r] {
				b.old.digest, b.old.hashed = d, true
			}
		}
		for p, r := range t.pinned.all() {
			c.pace.step()
			for _, b := range byID[r] {
				b.old.print = p.id()
			}
		}
	}
}
