package detect

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/traffic"
)

// now is the arrival of everything replayed in a test; event times lie before it.
var now = time.Date(2026, 11, 23, 15, 30, 0, 0, time.UTC)

// replay feeds an Engine whose arrival clock stands still, as a backfill does.
type replay struct {
	t      *testing.T
	e      *Engine
	clock  time.Time // arrival
	alerts []Alert
	n      int
}

func newReplay(t *testing.T) *replay {
	r := &replay{t: t, clock: now}
	r.e = New(Config{Now: func() time.Time { return r.clock }})
	return r
}

// call is one request in a test, with defaults that make it an accepted call.
type call struct {
	at                       time.Time
	token, owner             string
	method, path             string
	status                   int
	client, service, source  string
	state, revoked, deny     string
	capture, requestKey      string
	basis, claimed, previous string
	others                   []string
}

// fp makes the fingerprint of a made-up token.
func fp(name string) string {
	sum := sha256.Sum256([]byte("test " + name))
	return "kt1_" + hex.EncodeToString(sum[:16])
}

func kp(name string) string { return strings.Replace(fp("principal "+name), "kt1_", "kp1_", 1) }

func (c call) record(id string) event.Record {
	or := func(s, d string) string {
		if s == "" {
			return d
		}
		return s
	}
	if c.status == 0 {
		c.status = 200
	}
	r := event.Record{Time: c.at.UnixNano(), Observed: now.UnixNano(), Name: event.NameRequest, Scope: event.Scope{Ring: "r", Epoch: 1}}
	r.Resource.Add(event.KeyServiceName, event.String(or(c.service, "api")))
	set := func(k, v string) {
		if v != "" {
			r.Attrs.Add(k, event.String(v))
		}
	}
	set(event.KeyEventID, id)
	set(event.KeyRedaction, event.RedactionDone)
	set(event.KeyCapture, or(c.capture, event.CaptureLog))
	set(event.KeySource, or(c.source, "kong"))
	set(event.KeyMethod, or(c.method, "GET"))
	set(event.KeyPath, or(c.path, "/v1/orders"))
	r.Attrs.Add(event.KeyStatus, event.Int(int64(c.status)))
	set(event.KeyClientAddress, or(c.client, "198.51.100.7"))
	set(event.KeyRequestKey, c.requestKey)
	set(event.KeyDenyReason, c.deny)
	if c.token != "" {
		set(event.KeyFingerprint, fp(c.token))
		set(event.KeyPrincipal, fp(c.token))
		set(event.KeyPrincipalBasis, or(c.basis, event.BasisCredential))
		set(event.KeyTokenName, c.token)
	}
	if c.previous != "" {
		set(event.KeyFingerprintPrev, fp(c.previous))
	}
	set(event.KeyPrincipalClaimed, c.claimed)
	if c.owner != "" {
		set(event.KeyOwnerID, c.owner)
		set(event.KeyOwnerName, c.owner)
		set(event.KeyOwnerSource, "file")
	}
	set(event.KeyTokenState, c.state)
	set(event.KeyTokenRevokedAt, c.revoked)
	if len(c.others) > 0 {
		r.Attrs.Add(event.KeyOthers, event.Strings(c.others))
	}
	return r
}

func (r *replay) call(c call) {
	r.n++
	rec := c.record(fmt.Sprintf("%032x", r.n))
	r.e.Observe(&rec)
}

// all plays calls in time order and collects what was raised.
func (r *replay) all(calls []call) []Alert {
	slices.SortStableFunc(calls, func(a, b call) int { return a.at.Compare(b.at) })
	for _, c := range calls {
		r.call(c)
	}
	return r.take()
}

func (r *replay) take() []Alert {
	out := r.e.TakeAlerts()
	r.alerts = append(r.alerts, out...)
	return out
}

// started keeps the starts, as "detector severity token".
func started(alerts []Alert) (out []string) {
	for _, a := range alerts {
		if a.State == Start {
			out = append(out, fmt.Sprintf("%s %s %s", a.Detector, a.Severity, a.Subject.Attrs.Str(event.KeyTokenName)))
		}
	}
	return out
}

// The sample company of `keytrail demo`: three weeks of forty tokens, then a leak and a rotation nobody told a job
// about. Only the two of the incident may alert, in fleets of any seed and at any time of the week.
func TestCompanyIncident(t *testing.T) {
	for _, c := range []struct {
		seed uint64
		end  time.Time
	}{
		{1, now}, {2, now.Add(9 * time.Hour)}, {3, now.AddDate(0, 0, -2)},
		// At these the leaked token's own windows cannot prove the spike: the strange network has to count.
		{1, now.Add(-155*time.Hour - 217*time.Minute)}, {1, now.Add(-55*time.Hour - 77*time.Minute)},
	} {
		t.Run(c.end.Format("Mon15h04"), func(t *testing.T) {
			r := newReplay(t)
			company := traffic.NewCompany(c.seed, c.end)
			r.company(company, true)
			var leaked, rotated []string
			for _, a := range r.alerts {
				t.Log(a.State, a.Detector, a.Severity, a.Start.Format(time.TimeOnly), a.Count, a.Reasons, a.Explanation)
				if a.State != Start {
					continue
				}
				switch name := a.Subject.Attrs.Str(event.KeyTokenName); name {
				case company.Leaked.Name:
					leaked = append(leaked, a.Detector.String())
				case company.Rotated.Name:
					rotated = append(rotated, a.Detector.String())
				default:
					t.Errorf("a well-behaved token alerted: %s %s", a.Detector, a.Explanation)
				}
			}
			require.Contains(t, leaked, "new_endpoint")
			require.Contains(t, leaked, "usage_spike")
			require.Equal(t, []string{"dead_token"}, rotated)
		})
	}
}

func (r *replay) company(c *traffic.Company, incident bool) {
	for q := range c.Requests(21, incident) {
		tok := q.Token
		k := call{at: q.Time, token: tok.Name, owner: tok.Owner.ID, method: q.Method, path: q.Path, status: q.Status, client: q.Client,
			service: "api", source: q.Gateway()}
		if tok.Owner.ID == "" {
			k.token = q.Raw
		}
		if tok.CredentialID != "" {
			k.basis = event.BasisGateway
		}
		if !tok.Revoked.IsZero() && !q.Time.Before(tok.Revoked) {
			k.state, k.revoked = event.StateRevoked, tok.Revoked.Format(time.RFC3339)
		}
		r.call(k)
		if r.n%5000 == 0 {
			r.take()
		}
	}
	r.e.Tick(now)
	r.take()
}

// shape gives the number of requests of a token in the ten minutes that begin at t.
type shape func(rng *rand.Rand, t time.Time) int

func poisson(rng *rand.Rand, mean float64) (n int) {
	for mean > 0 {
		if mean -= rng.ExpFloat64(); mean > 0 {
			n++
		}
	}
	return n
}

// archetypes of well-behaved tokens. Each is a shape and the routes it uses.
func shapes() map[string]shape {
	day := func(t time.Time) float64 { // slow at night
		return 0.35 + 0.65*max(0, 1-absf(float64(t.Hour())+float64(t.Minute())/60-13)/9)
	}
	work := func(t time.Time) bool {
		return t.Weekday() != time.Saturday && t.Weekday() != time.Sunday && t.Hour() >= 8 && t.Hour() < 18
	}
	return map[string]shape{
		"steady":  func(rng *rand.Rand, t time.Time) int { return poisson(rng, 25) },
		"diurnal": func(rng *rand.Rand, t time.Time) int { return poisson(rng, 40*day(t)) },
		"bursty": func(rng *rand.Rand, t time.Time) int { // gamma-mixed: variance far above the mean
			return poisson(rng, 20*day(t)*rng.ExpFloat64())
		},
		"cron": func(rng *rand.Rand, t time.Time) int {
			if t.Minute() < 10 {
				return 60
			}
			return 0
		},
		"nightly": func(rng *rand.Rand, t time.Time) int {
			if t.Hour() == 2 && t.Minute() < 30 {
				return 150 + rng.IntN(60)
			}
			return 0
		},
		"human": func(rng *rand.Rand, t time.Time) int {
			if !work(t) || rng.Float64() > 0.35 {
				return 0
			}
			return 1 + poisson(rng, 6*rng.ExpFloat64())
		},
		"ci": func(rng *rand.Rand, t time.Time) int {
			if !work(t) || rng.Float64() > 0.25 {
				return 0
			}
			return 15 + rng.IntN(25)
		},
		"webhook": func(rng *rand.Rand, t time.Time) int {
			if rng.Float64() > 0.1 {
				return 0
			}
			return 1 + int(4*rng.ExpFloat64()*rng.ExpFloat64())
		},
	}
}

func absf(x float64) float64 { return max(x, -x) }

// fleet plays n tokens of every archetype over days, a window at a time, calling extra before each window.
func (r *replay) fleet(n, days int, extra func(at time.Time)) {
	rng := rand.New(rand.NewPCG(7, uint64(n*days)))
	all := shapes()
	kinds := make([]string, 0, len(all))
	for k := range all {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	begin := now.AddDate(0, 0, -days).Truncate(10 * time.Minute)
	for at := begin; at.Before(now.Add(-10 * time.Minute)); at = at.Add(10 * time.Minute) {
		if extra != nil {
			extra(at)
		}
		var calls []call
		for _, kind := range kinds {
			for i := range n {
				for range all[kind](rng, at) {
					calls = append(calls, member(rng, kind, i, at.Add(time.Duration(rng.Int64N(int64(10*time.Minute))))))
				}
			}
		}
		r.all(calls)
	}
	r.e.Tick(now)
	r.take()
}

// member is one call of a fleet's token: people roam over more routes than machines, some of them rarely used.
func member(rng *rand.Rand, kind string, i int, at time.Time) call {
	routes := 4
	if kind == "human" {
		routes = 12
	}
	route := min(int(float64(routes)*rng.Float64()*rng.Float64()), routes-1)
	status := 200
	switch p := rng.Float64(); {
	case p < 0.01:
		status = 404
	case p < 0.013:
		status = 401
	case p < 0.015:
		status = 403
	}
	return call{at: at, token: fmt.Sprintf("%s-%d", kind, i), owner: fmt.Sprintf("%s-%d", kind, i), status: status,
		path: fmt.Sprintf("/v1/r%d/x", (i+route)%15), client: fmt.Sprintf("10.%d.%d.9", len(kind), i)}
}

// Three weeks of well-behaved tokens raise nothing; then each archetype is attacked. One replay serves all of it.
func TestFleet(t *testing.T) {
	r := newReplay(t)
	r.fleet(3, 21, nil)
	m := r.e.Metrics()
	t.Logf("%d requests of %d tokens, %d evaluations, %d bytes of state", r.n, m.Tracked, m.Evaluations[UsageSpike], m.StateBytes)
	for _, a := range r.alerts {
		t.Log(a.State, a.At, a.Severity, a.Reasons, a.Explanation)
	}
	require.Empty(t, started(r.alerts), "nobody did anything")
	require.EqualValues(t, 24, m.Tracked)
	t.Run("calibration", func(t *testing.T) { r.calibration(t) })

	// What is usual is far below these in every archetype; all come from the token's own network.
	// An hour lies between the attacks: together they would be an incident of the fleet.
	for kind, n := range map[string]int{"steady": 250, "diurnal": 400, "bursty": 2500, "cron": 600, "nightly": 2100, "human": 400, "ci": 400} {
		t.Run("ten times "+kind, func(t *testing.T) {
			r.clock = r.clock.Add(time.Hour)
			at := r.clock
			for i := range n {
				c := member(rand.New(rand.NewPCG(1, 2)), kind, 1, at.Add(time.Duration(i)*4*time.Minute/time.Duration(n)))
				r.call(c)
			}
			require.Contains(t, started(r.take()), "usage_spike medium "+kind+"-1")
		})
	}
	for _, kind := range []string{"steady", "diurnal", "cron", "ci", "nightly"} {
		t.Run("new endpoint of "+kind, func(t *testing.T) {
			token := kind + "-2"
			r.clock = r.clock.Add(time.Hour)
			r.call(call{at: r.clock, token: token, owner: token, path: "/v1/admin/users", client: "203.0.113.5"})
			require.Contains(t, started(r.take()), "new_endpoint high "+token)
		})
	}
}

// calibration: what is said to happen once in a hundred or a thousand windows must happen about that often.
func (r *replay) calibration(t *testing.T) {
	for kind, p := range r.e.pools {
		for _, nominal := range []float64{1e-2, 1e-3} {
			if float64(p.Total)*nominal < 30 { // too few to say
				continue
			}
			var seen uint64
			for b, n := range p.Buckets {
				// The middle of a bucket stands for it, calibrated by all the others.
				if p.calibrate((float64(b)+0.5)*poolWidth) >= -math.Log10(nominal) {
					seen += n
				}
			}
			rate := float64(seen) / float64(p.Total)
			t.Logf("archetype %d: %d windows, nominal %g, observed %.2g", kind, p.Total, nominal, rate)
			require.LessOrEqual(t, rate, 2*nominal)
		}
	}
}
