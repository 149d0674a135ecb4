package traffic

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Request is one call, before a gateway writes it down.
type Request struct {
	Time     time.Time
	Token    *Token
	Raw      string // the credential as sent; a stranger's guess where Token is nil
	Method   string
	Path     string
	Status   int
	Client   string
	Agent    string
	Duration time.Duration
	Size     int
	ID       string
	Denied   bool // the gateway answered by itself
}

// IncidentLength is how long before the end the incident begins.
const IncidentLength = 2 * time.Hour

// Requests yields the company's calls from days before the end, in time order. With incident, the last two hours
// hold a leaked CI token and a revoked token that one job still uses.
func (c *Company) Requests(days int, incident bool) iter.Seq[Request] {
	return func(yield func(Request) bool) {
		rng := c.rng("calls")
		start := c.end.AddDate(0, 0, -days).Truncate(time.Hour)
		for hour := start; hour.Before(c.end); hour = hour.Add(time.Hour) {
			batch := c.hour(hour, rng)
			if incident {
				batch = append(batch, c.incident(hour, rng)...)
			}
			slices.SortStableFunc(batch, func(a, b Request) int { return a.Time.Compare(b.Time) })
			for _, r := range batch {
				if r.Time.Before(c.end) && !yield(r) {
					return
				}
			}
		}
	}
}

func (c *Company) hour(hour time.Time, rng *rand.Rand) []Request {
	var out []Request
	for _, t := range c.Tokens {
		for _, at := range t.times(hour, rng) {
			if t == c.Fresh && at.Before(t.Created) || t == c.Rotated && !at.Before(t.Revoked) {
				continue
			}
			out = append(out, t.call(at, rng))
		}
	}
	for range poisson(rng, 2) { // strangers guess tokens everywhere, all the time
		out = append(out, c.stranger(hour.Add(within(rng, time.Hour)), rng))
	}
	return out
}

func (t *Token) times(hour time.Time, rng *rand.Rand) []time.Time {
	var out []time.Time
	spread := func(n int, from time.Time, over time.Duration) {
		for range n {
			out = append(out, from.Add(within(rng, over)))
		}
	}
	switch t.Kind {
	case Service:
		spread(poisson(rng, t.rate*(1+0.4*math.Sin(float64(hour.Hour()-8)*math.Pi/12))), hour, time.Hour)
	case Cron:
		spread(int(t.rate), hour.Add(time.Duration(t.phase)*time.Minute), 20*time.Second)
	case Person:
		if working(hour) {
			for range poisson(rng, t.rate) {
				spread(3+rng.IntN(8), hour.Add(within(rng, 55*time.Minute)), 4*time.Minute)
			}
		}
	case CI:
		if working(hour) {
			for range poisson(rng, t.rate) {
				spread(8+rng.IntN(6), hour.Add(within(rng, 57*time.Minute)), 2*time.Minute)
			}
		}
	}
	return out
}

func (t *Token) call(at time.Time, rng *rand.Rand) Request {
	r := pick(t.Routes, rng)
	status := 200
	switch p := rng.Float64(); {
	case p < 0.006:
		status = 404
	case p < 0.009:
		status = 500
	case r.Method == http.MethodPost:
		status = 201
	}
	return t.request(at, r, status, fmt.Sprintf("%s.%d", t.Network, 10+rng.IntN(6)), t.Agent, rng)
}

func (t *Token) request(at time.Time, r Route, status int, client, agent string, rng *rand.Rand) Request {
	return Request{
		Time: at.Truncate(time.Millisecond), Token: t, Raw: t.Raw, Method: r.Method,
		Path:   strings.ReplaceAll(r.Template, "{id}", fmt.Sprint(100000+rng.IntN(900000))),
		Status: status, Client: client, Agent: agent, Size: 200 + rng.IntN(4000),
		Duration: time.Duration(3+rng.ExpFloat64()*40) * time.Millisecond, ID: id(rng),
		Denied: status == 401 || status == 429,
	}
}

func (c *Company) stranger(at time.Time, rng *rand.Rand) Request {
	res := resources[rng.IntN(len(resources))]
	r := []Route{{"GET", "/v1/" + res, 1}, {"GET", "/v1/" + res + "/{id}", 1}, {"POST", "/v1/" + res, 1}}[rng.IntN(3)]
	t := &Token{Raw: fmt.Sprintf("guess-%016x", rng.Uint64()), Gateway: []string{Kong, NGINX}[rng.IntN(2)]}
	q := t.request(at, r, 401, fmt.Sprintf("203.0.%d.%d", rng.IntN(200), 1+rng.IntN(250)), "python-urllib3/2.2", rng)
	return q
}

// incident gives what an attacker with the leaked CI token does: looks around, is refused a lot, then reads what it
// can; and the job that never heard of the rotation.
func (c *Company) incident(hour time.Time, rng *rand.Rand) []Request {
	begin := c.end.Add(-IncidentLength)
	if hour.Add(time.Hour).Before(begin) {
		return nil
	}
	var out []Request
	for _, r := range c.leak(begin.Add(25*time.Minute), c.rng("leak")) { // the same calls every hour asked: keep this hour's
		if r.Time.Truncate(time.Hour).Equal(hour) {
			out = append(out, r)
		}
	}
	for m := range 60 / 10 { // the stale copy calls every ten minutes
		at := hour.Add(time.Duration(m)*10*time.Minute + within(rng, 20*time.Second))
		if at.After(c.Rotated.Revoked.Add(6 * time.Minute)) {
			out = append(out, c.Rotated.request(at, c.Rotated.Routes[0], 401, c.Rotated.Network+".11", c.Rotated.Agent, rng))
		}
	}
	return out
}

func (c *Company) leak(at time.Time, rng *rand.Rand) []Request {
	const network, agent = "203.0.113.77", "python-httpx/0.28.1"
	var out []Request
	say := func(after time.Duration, r Route, status int) {
		out = append(out, c.Leaked.request(at.Add(after), r, status, network, agent, rng))
	}
	for i, p := range []string{"/v1/admin/users", "/v1/admin/keys", "/v1/secrets", "/v1/audit", "/v1/admin/roles", "/v1/backups"} {
		for j := range 6 {
			say(time.Duration(i*6+j)*1500*time.Millisecond, Route{"GET", p, 1}, 403)
		}
	}
	for i := range 700 {
		r := Route{"GET", "/v1/exports/customers/{id}", 1}
		if i%3 == 0 {
			r = Route{"GET", "/v1/customers/{id}/cards", 1}
		}
		say(2*time.Minute+time.Duration(i)*1500*time.Millisecond, r, 200)
	}
	return out
}

func pick(rs []Route, rng *rand.Rand) Route {
	total := 0.0
	for _, r := range rs {
		total += r.Weight
	}
	x := rng.Float64() * total
	for _, r := range rs {
		if x -= r.Weight; x < 0 {
			return r
		}
	}
	return rs[len(rs)-1]
}

func working(t time.Time) bool {
	return t.Weekday() != time.Saturday && t.Weekday() != time.Sunday && t.Hour() >= 8 && t.Hour() < 18
}

func within(rng *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(rng.Int64N(int64(d)))
}

// poisson draws by Knuth's product of uniforms: the means here are small.
func poisson(rng *rand.Rand, mean float64) int {
	limit, p, n := math.Exp(-mean), 1.0, -1
	for p > limit {
		p *= rng.Float64()
		n++
	}
	return n
}

func id(rng *rand.Rand) string { return fmt.Sprintf("%016x%016x", rng.Uint64(), rng.Uint64()) }
