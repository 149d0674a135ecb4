package detect

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"reflect"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

// A snapshot is one blob for each shard and one for what they share. The blob of a shard is
//
//	magic 4 | layout 8 | seed 8 | profiles u32 | profile… | blooms u32 | (id 19, bloom 256)… | crc32c 4
//
// A profile stands there as it stands in memory; layout is a hash over the fields, their types and places, so that
// a build with another layout, or a machine of another byte order, refuses the blob instead of misreading it. What
// is refused is learned anew.
const (
	shardMagic  = "KTS1"
	globalMagic = "KTG1"
	shardHead   = 4 + 8 + 8 + 4
	bloomEntry  = 19 + bloomBytes
	globalKey   = "global"
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	layout     = layoutOf(reflect.TypeFor[profile]())

	errSnapshot = errors.New("snapshot is cut or damaged")
	errLayout   = errors.New("snapshot was written by a build with another layout")
)

func layoutOf(t reflect.Type) uint64 {
	one := uint16(1)
	text := fmt.Sprint(*(*byte)(unsafe.Pointer(&one)), t.Size())
	var walk func(t reflect.Type, at uintptr)
	walk = func(t reflect.Type, at uintptr) {
		text += fmt.Sprint(" ", t.Kind(), " ", at, " ", t.Size())
		switch t.Kind() {
		case reflect.Struct:
			for i := range t.NumField() {
				text += " " + t.Field(i).Name
				walk(t.Field(i).Type, at+t.Field(i).Offset)
			}
		case reflect.Array:
			walk(t.Elem(), at)
		}
	}
	walk(t, 0)
	return xxhash.Sum64String(text)
}

// SnapshotKeys are the keys of all blobs.
func SnapshotKeys() []string {
	keys := []string{globalKey}
	for i := range shardCount {
		keys = append(keys, shardKey(i))
	}
	return keys
}

func shardKey(i int) string { return fmt.Sprintf("shard-%02d", i) }

// Snapshot hands the state to put, a blob at a time: what the shards share, and each shard that changed since it
// was last put. A blob that put refuses is handed over again next time.
func (e *Engine) Snapshot(put func(key string, blob []byte) error) error {
	blob, err := e.globalBlob()
	if err != nil {
		return err
	}
	err = put(globalKey, blob)
	for i, sh := range e.shards {
		sh.mu.Lock()
		if !sh.dirty {
			sh.mu.Unlock()
			continue
		}
		blob := sh.encode(e.hash.seed)
		sh.dirty = false
		sh.mu.Unlock()
		if perr := put(shardKey(i), blob); perr != nil {
			err = errors.Join(err, perr)
			sh.mu.Lock()
			sh.dirty = true
			sh.mu.Unlock()
		}
	}
	return err
}

func (s *shard) encode(seed uint64) []byte {
	b := make([]byte, 0, shardHead+len(s.index)*profileSize+4+len(s.blooms)*bloomEntry+4)
	b = append(b, shardMagic...)
	b = binary.LittleEndian.AppendUint64(b, layout)
	b = binary.LittleEndian.AppendUint64(b, seed)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.index)))
	for _, slot := range s.index {
		b = append(b, s.at(slot).raw()...)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.blooms)))
	for id, bl := range s.blooms {
		b = append(b, byte(id.Kind))
		b = binary.LittleEndian.AppendUint16(b, id.Epoch)
		b = append(b, id.Sum[:]...)
		b = append(b, bl[:]...)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// raw is the memory of a profile: fixed size, no pointers.
func (p *profile) raw() []byte { return unsafe.Slice((*byte)(unsafe.Pointer(p)), profileSize) }

// Restore reads what get has of the state, the shared blob first. A blob that is absent is no error; one that cannot
// be read is left out and counted in bad, with the first reason.
func (e *Engine) Restore(get func(key string) ([]byte, error)) (bad int, reason error) {
	for i, key := range SnapshotKeys() {
		blob, err := get(key)
		if err == nil && len(blob) > 0 {
			if key == globalKey {
				err = e.restoreGlobal(blob)
			} else {
				err = e.restoreShard(i-1, blob)
			}
		}
		if err != nil {
			bad++
			if reason == nil {
				reason = fmt.Errorf("%s: %w", key, err)
			}
		}
	}
	e.setBars()
	return bad, reason
}

func checked(b []byte, magic string, least int) ([]byte, error) {
	if len(b) < least+4 || string(b[:4]) != magic {
		return nil, errSnapshot
	}
	body := b[:len(b)-4]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[len(b)-4:]) {
		return nil, errSnapshot
	}
	return body, nil
}

func (e *Engine) restoreShard(i int, blob []byte) error {
	b, err := checked(blob, shardMagic, shardHead+4)
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint64(b[4:]) != layout || binary.LittleEndian.Uint64(b[12:]) != e.hash.seed {
		return errLayout
	}
	n := int(binary.LittleEndian.Uint32(b[20:]))
	rest := b[shardHead:]
	if n > len(rest)/profileSize || len(rest)-n*profileSize < 4 {
		return errSnapshot
	}
	sh := e.shards[i]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for ; n > 0; n-- {
		e.restoreProfile(sh, i, rest[:profileSize])
		rest = rest[profileSize:]
	}
	blooms := int(binary.LittleEndian.Uint32(rest))
	if rest = rest[4:]; blooms != len(rest)/bloomEntry || len(rest)%bloomEntry != 0 {
		return errSnapshot
	}
	for ; len(rest) > 0; rest = rest[bloomEntry:] {
		id := fingerprint.ID{Kind: fingerprint.Kind(rest[0]), Epoch: binary.LittleEndian.Uint16(rest[1:])}
		copy(id.Sum[:], rest[3:])
		if sh.get(id) != nil {
			bl := bloom(rest[19:bloomEntry])
			sh.blooms[id] = &bl
		}
	}
	return nil
}

func (e *Engine) restoreProfile(sh *shard, i int, raw []byte) {
	var p profile
	copy(p.raw(), raw)
	if p.flags&flagUsed == 0 || p.id.IsZero() || shardOf(p.id) != i || sh.get(p.id) != nil {
		return
	}
	for j := range p.scales {
		p.scales[j].n = min(p.scales[j].n, levelWindows)
	}
	slot, evicted := sh.add(p.id)
	if evicted {
		e.evicted(EvictToken)
		e.tracked.Add(-1)
	}
	*slot = p
	e.tracked.Add(1)
	if p.days >= minActiveDays {
		e.ready.Add(1)
	}
}

// globalState is what the shards share, as JSON: it is small, and a person may want to read it.
type globalState struct {
	Seed        uint64
	First, Mark int64
	Gaps        [][2]uint32
	Pools       [archetypes]poolState
	Dead        map[string]death
	Routes      map[uint64]*routeInfo
	Areas       map[uint64]*areaInfo
	Open        []savedAlert
}

type savedAlert struct {
	ID                string // of the token; empty for the fleet
	Alert             Alert
	Began, Last, Told uint32
	Routes            []uint32
	Subject           []byte // an event.Record
}

func (e *Engine) globalBlob() ([]byte, error) {
	g := globalState{Seed: e.hash.seed, First: e.clock.first.Load(), Mark: e.clock.mark.Load(), Dead: map[string]death{}, Open: e.book.save()}
	for i, p := range e.pools {
		p.mu.Lock()
		g.Pools[i] = p.poolState
		p.mu.Unlock()
	}
	e.gaps.mu.RLock()
	g.Gaps = append(g.Gaps, e.gaps.list...)
	e.gaps.mu.RUnlock()
	e.dead.mu.RLock()
	for id, d := range e.dead.dead {
		g.Dead[id.String()] = d
	}
	e.dead.mu.RUnlock()
	e.routes.mu.Lock()
	g.Routes, g.Areas = e.routes.route, e.routes.area
	body, err := json.Marshal(g) // under the lock: the two maps are the live ones
	e.routes.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("cannot encode the shared state: %w", err)
	}
	b := append([]byte(globalMagic), body...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)), nil
}

func (e *Engine) restoreGlobal(blob []byte) error {
	b, err := checked(blob, globalMagic, 4)
	if err != nil {
		return err
	}
	var g globalState
	if err := json.Unmarshal(b[4:], &g); err != nil {
		return errLayout
	}
	e.hash.seed = g.Seed
	e.clock.first.Store(g.First)
	e.clock.mark.Store(g.Mark)
	e.gaps.list = g.Gaps
	e.gaps.open.Store(minuteOf(g.Mark))
	for i := range e.pools {
		e.pools[i].poolState = g.Pools[i]
	}
	for text, d := range g.Dead {
		if id, err := fingerprint.ParseID(text); err == nil {
			e.dead.bury(id, d, true)
		}
	}
	if g.Routes != nil && g.Areas != nil {
		e.routes.route, e.routes.area = g.Routes, g.Areas
	}
	e.book.restore(g.Open)
	return nil
}

func (b *book) save() []savedAlert {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []savedAlert
	for k, o := range b.open {
		subject := event.Record{
			Attrs: o.Subject.Attrs, Resource: o.Subject.Resource, Scope: o.Subject.Scope, TraceID: o.Subject.TraceID, SpanID: o.Subject.SpanID,
		}
		s := savedAlert{
			ID: k.ID.String(), Alert: o.Alert, Began: o.Began, Last: o.Last, Told: o.Told, Routes: o.Routes, Subject: subject.Append(nil),
		}
		s.Alert.Subject = Subject{Fingerprint: o.Subject.Fingerprint}
		out = append(out, s)
	}
	return out
}

func (b *book) restore(saved []savedAlert) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range saved {
		var subject event.Record
		if s.Alert.Detector >= DetectorCount || s.Alert.Severity >= SeverityCount || subject.Decode(s.Subject) != nil {
			continue
		}
		k := alertKey{Detector: s.Alert.Detector}
		if s.ID != "" {
			id, err := fingerprint.ParseID(s.ID)
			if err != nil {
				continue
			}
			k.ID = id
		}
		o := &openAlert{Alert: s.Alert, Began: s.Began, Last: s.Last, Told: s.Told, Routes: s.Routes}
		o.Subject = Subject{
			Fingerprint: s.Alert.Subject.Fingerprint, Attrs: subject.Attrs, Resource: subject.Resource, Scope: subject.Scope,
			TraceID: subject.TraceID, SpanID: subject.SpanID,
		}
		b.open[k] = o
	}
}
