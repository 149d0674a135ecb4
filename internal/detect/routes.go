package detect

import "sync"

const (
	maxRoutes = 1 << 15
	maxAreas  = 1 << 14
	// deployOwners is how many old owners make a new route a deployment rather than a discovery.
	deployOwners = 2
	// deployFleet is how many take any route, however old, out of suspicion within an hour.
	deployFleet = 5
	// youngRoute is how long a route is new to the whole fleet.
	youngRoute = minutesPerDay
	// oldOwner is how old a profile must be before its owner counts for a gate: whoever can make tokens at will
	// must not be able to vote a detector down.
	oldOwner = 7 * minutesPerDay
)

// routes is what the fleet as a whole knows of the API: which areas check credentials, who uses which endpoint.
// Only an answer of 2xx or 3xx makes an entry, so asking for made-up paths fills nothing.
type routes struct {
	mu    sync.Mutex
	route map[uint64]*routeInfo
	area  map[uint64]*areaInfo
	evict func(Eviction)
}

type routeInfo struct {
	First, Last uint32 // minutes
	Users       uint32 // profiles that learned it
	Hour        uint32
	Owners      [deployFleet]uint32 // old owners that were new to it in that hour
}

// areaInfo remembers whom an area refused: one is enough for every other caller.
type areaInfo struct {
	Last    uint32
	Refused uint32 // hash of the first caller refused
	Others  bool   // and at least one more
}

func newRoutes(evict func(Eviction)) *routes {
	return &routes{route: map[uint64]*routeInfo{}, area: map[uint64]*areaInfo{}, evict: evict}
}

// refused notes that an area said no to a caller. It makes no entry.
func (t *routes) refused(area uint64, caller uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.area[area]
	switch {
	case a == nil || a.Refused == caller:
	case a.Refused == 0:
		a.Refused = caller
	default:
		a.Others = true
	}
}

// guarded reports whether an area that just answered yes has refused somebody other than caller, and makes its
// entry where it is the first time.
func (t *routes) guarded(area uint64, caller, minute uint32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.area[area]
	if a == nil {
		if len(t.area) >= maxAreas {
			evictOldest(t.area, func(a *areaInfo) uint32 { return a.Last })
			t.evict(EvictArea)
		}
		a = &areaInfo{}
		t.area[area] = a
	}
	a.Last = max(a.Last, minute)
	return a.Others || a.Refused != 0 && a.Refused != caller
}

// standing is what the fleet knows of a route at the moment a token is new to it.
type standing struct {
	users  uint32
	young  bool // nobody used it a day ago
	owners int  // old owners new to it within the hour
}

// learn notes that a token is new to a route and returns how the route stood.
func (t *routes) learn(route uint64, minute, owner uint32, old bool) standing {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.route[route]
	if r == nil {
		if len(t.route) >= maxRoutes {
			evictOldest(t.route, func(r *routeInfo) uint32 { return r.Last })
			t.evict(EvictRoute)
		}
		r = &routeInfo{First: minute}
		t.route[route] = r
	}
	if hour := minute / 60; r.Hour != hour {
		r.Hour, r.Owners = hour, [deployFleet]uint32{}
	}
	s := standing{users: r.Users, young: minute-min(r.First, minute) < youngRoute}
	if old {
		addOnce(r.Owners[:], owner)
	}
	s.owners = count(r.Owners[:])
	r.Users++
	r.Last = max(r.Last, minute)
	return s
}

// ownersNew is how many old owners were new to a route in its last busy hour.
func (t *routes) ownersNew(route uint64) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.route[route]; r != nil {
		return count(r.Owners[:])
	}
	return 0
}

func addOnce(set []uint32, x uint32) {
	for i := range set {
		if set[i] == x {
			return
		}
		if set[i] == 0 {
			set[i] = x
			return
		}
	}
}

func count(set []uint32) (n int) {
	for _, x := range set {
		if x != 0 {
			n++
		}
	}
	return n
}

// evictOldest forgets the oldest of a few entries: map order is random enough, and a scan of all would make a
// flood expensive for us.
func evictOldest[V any](m map[uint64]V, last func(V) uint32) {
	const sample = 8
	var victim uint64
	oldest, n := uint32(1<<32-1), 0
	for k, v := range m {
		if l := last(v); l <= oldest {
			victim, oldest = k, l
		}
		if n++; n == sample {
			break
		}
	}
	delete(m, victim)
}
