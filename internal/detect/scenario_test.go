package detect

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

// weeks is a history of some tokens of distinct owners that call one endpoint every half hour.
func weeks(tokens ...string) (out []call) {
	for i := range 21 * 48 {
		at := now.AddDate(0, 0, -21).Add(time.Duration(i) * 30 * time.Minute)
		for j, t := range tokens {
			out = append(out, call{at: at.Add(time.Duration(j) * time.Second), token: t, owner: "owner-of-" + t, client: fmt.Sprintf("198.51.100.%d", j)})
		}
	}
	return out
}

func known(t *testing.T, tokens ...string) *replay {
	r := newReplay(t)
	require.Empty(t, r.all(weeks(tokens...)))
	return r
}

// after plays calls later than the history, the arrival clock going with them, and returns what starts.
func (r *replay) after(calls ...call) []string {
	for _, c := range calls {
		if r.clock.Before(c.at) {
			r.clock = c.at
		}
		r.call(c)
	}
	return started(r.take())
}

// wait lets d pass with nothing but other traffic.
func (r *replay) wait(d time.Duration) []Alert {
	r.clock = r.clock.Add(d)
	r.e.Tick(r.clock)
	return r.take()
}

func use(token, path, client string) call {
	return call{at: now, token: token, owner: "owner-of-" + token, path: path, client: client}
}

func TestNewEndpointFromAStrangeNetworkIsHighAtOnce(t *testing.T) {
	r := known(t, "ci", "web")
	require.Equal(t, []string{"new_endpoint high ci"}, r.after(use("ci", "/v1/admin/users", "203.0.113.4")))
	// More of it belongs to the same alert, which ends when it is quiet for two windows.
	c := use("ci", "/v1/admin/keys", "203.0.113.4")
	c.at = now.Add(11 * time.Minute)
	require.Empty(t, r.after(c))
	require.Equal(t, Update, r.alerts[len(r.alerts)-1].State)
	ended := r.wait(40 * time.Minute)
	require.Len(t, ended, 1)
	require.Equal(t, End, ended[0].State)
	require.EqualValues(t, 2, ended[0].Count)
	require.Equal(t, now.Add(11*time.Minute), ended[0].End)
	require.Equal(t, r.alerts[0].ID, ended[0].ID)
}

// A route nobody used before, by a token from its own network, may be a deployment: it waits an hour for others.
func TestARouteNewToEverybodyWaitsForOthers(t *testing.T) {
	alone := known(t, "ci", "web")
	require.Empty(t, alone.after(use("ci", "/v1/reports", "198.51.100.0")))
	alone.wait(70 * time.Minute)
	require.Equal(t, []string{"new_endpoint low ci"}, started(alone.alerts))

	deployed := known(t, "ci", "web", "app")
	require.Empty(t, deployed.after(use("ci", "/v1/reports", "198.51.100.0"), use("web", "/v1/reports", "198.51.100.1"), use("app", "/v1/reports", "198.51.100.2")))
	deployed.wait(70 * time.Minute)
	require.Empty(t, started(deployed.alerts))
	require.EqualValues(t, 3, deployed.e.Metrics().Suppressed[NewEndpoint][ByDeploy])
}

// Many new tokens of an attacker cannot vote a route into a deployment: only owners known for a week count.
func TestFreshOwnersAreNoDeployment(t *testing.T) {
	r := known(t, "ci", "web")
	for i := range 20 {
		r.after(use(fmt.Sprintf("sock-%d", i), "/v1/reports", "198.51.100.77"))
	}
	r.after(use("ci", "/v1/reports", "198.51.100.0"))
	r.wait(70 * time.Minute)
	require.Equal(t, []string{"new_endpoint low ci"}, started(r.alerts))
}

// An attack of seconds must show by its tenth call, refused or not.
func TestProbingShowsAtTheThirdRefusal(t *testing.T) {
	r := known(t, "ci")
	var calls []call
	for i, p := range []string{"/v1/admin/users", "/v1/secrets", "/v1/audit", "/v1/keys"} {
		c := use("ci", p, "203.0.113.4")
		c.at, c.status = now.Add(time.Duration(i)*time.Second), 403
		calls = append(calls, c)
	}
	require.Empty(t, r.after(calls[:2]...))
	require.Equal(t, []string{"new_endpoint high ci"}, r.after(calls[2:]...))
}

func TestDeadToken(t *testing.T) {
	dead := func(d call) call {
		d.state, d.revoked, d.status = event.StateRevoked, now.Add(-time.Hour).Format(time.RFC3339), 401
		return d
	}
	for name, f := range map[string]struct {
		c    call
		want []string
	}{
		"from its own network a stale client": {dead(use("ci", "/v1/orders", "198.51.100.0")), []string{"dead_token low ci"}},
		"accepted it is worse": {func() call { c := dead(use("ci", "/v1/orders", "198.51.100.0")); c.status = 200; return c }(),
			[]string{"dead_token medium ci"}},
		"from a new network somebody else": {dead(use("ci", "/v1/orders", "203.0.113.9")), []string{"dead_token high ci"}},
		"of a token never seen before":     {dead(use("ghost", "/v1/orders", "203.0.113.9")), []string{"dead_token high ghost"}},
		"within the grace of caches": {func() call {
			c := dead(use("ci", "/v1/orders", "198.51.100.0"))
			c.revoked = now.Add(-4 * time.Minute).Format(time.RFC3339)
			return c
		}(), nil},
		"before it died, seen in a backfill": {func() call {
			c := use("ci", "/v1/orders", "198.51.100.0")
			c.state, c.revoked = event.StateActive, now.Add(time.Hour).Format(time.RFC3339)
			return c
		}(), nil},
		"the gateway says so": {func() call {
			c := use("ci", "/v1/orders", "203.0.113.9")
			c.status, c.deny = 401, event.DenyTokenRevoked
			return c
		}(), nil}, // no date: it holds from now on, after the grace
	} {
		t.Run(name, func(t *testing.T) {
			r := known(t, "ci")
			require.Equal(t, f.want, r.after(f.c))
		})
	}
}

func TestDeadTokenIsSummedUpByTheHour(t *testing.T) {
	r := known(t, "ci")
	for i := range 14 { // every ten minutes
		c := use("ci", "/v1/orders", "198.51.100.0")
		c.at, c.status = now.Add(time.Duration(i)*10*time.Minute), 401
		c.state, c.revoked = event.StateRevoked, now.Add(-time.Hour).Format(time.RFC3339)
		r.after(c)
	}
	var states []string
	for _, a := range r.alerts {
		states = append(states, fmt.Sprintf("%s %d", a.State, a.Count))
	}
	require.Equal(t, []string{"start 1", "update 7", "update 13"}, states)
	require.Len(t, r.wait(3*time.Hour), 1)
	require.EqualValues(t, 1, r.e.Metrics().Alerts[DeadToken][Low])
}

// A dead credential in a second place of a request is still one in use.
func TestDeadTokenBesideAGoodOne(t *testing.T) {
	r := known(t, "ci", "old")
	last := use("old", "/v1/orders", "198.51.100.1")
	last.state, last.revoked, last.status = event.StateRevoked, now.Add(-time.Minute).Format(time.RFC3339), 401
	require.Empty(t, r.after(last), "within the grace")
	both := use("ci", "/v1/orders", "198.51.100.0")
	both.at, both.others = now.Add(time.Hour), []string{"junk", fp("old") + " query.api_key api_key"}
	r.after(both)
	require.Len(t, r.alerts, 1)
	require.Equal(t, fp("old"), r.alerts[0].Subject.Fingerprint)
	require.Equal(t, fp("old"), r.alerts[0].Subject.Attrs.Str(event.KeyFingerprint))
	require.NotContains(t, r.alerts[0].Explanation, "ci", "the names belong to the other token")
}

// Only what the API accepts, and checks, makes a baseline.
func TestMadeUpTokensMakeNoProfiles(t *testing.T) {
	r := newReplay(t)
	junk := func(from, to int, path string, status int) {
		for i := range to - from {
			r.call(call{at: now, token: fmt.Sprintf("junk-%d", from+i), path: path, status: status})
		}
	}
	junk(0, 500, "/public/news", 200) // a page open to everybody
	junk(500, 1000, "/v1/orders", 401)
	require.Zero(t, r.e.Metrics().Tracked)

	// A guarded area: its first yes makes it known, the first no to somebody makes its yes worth something.
	r.call(call{at: now, token: "real", path: "/v1/orders/1"})
	require.Zero(t, r.e.Metrics().Tracked)
	r.call(call{at: now, token: "stranger", path: "/v1/orders/2", status: 401})
	r.call(call{at: now, token: "stranger", path: "/v1/orders/2"})
	require.Zero(t, r.e.Metrics().Tracked, "one's own refusal proves nothing")
	r.call(call{at: now, token: "real", path: "/v1/orders/3"})
	require.EqualValues(t, 1, r.e.Metrics().Tracked)
	r.call(call{at: now, path: "/public/news", status: 403, deny: event.DenyWAF})
	junk(1000, 1100, "/public/news", 200)
	require.EqualValues(t, 1, r.e.Metrics().Tracked, "a firewall's no is not the API's")
}

func TestMirrorAndAuthTeachNothing(t *testing.T) {
	r := newReplay(t)
	for _, capture := range []string{event.CaptureMirror, event.CaptureAuth} {
		r.call(call{at: now, token: "real", owner: "o", capture: capture})
	}
	require.Zero(t, r.e.Metrics().Tracked)
}

// A short-lived JWT joins the principal it claims only once an API that checks accepted it.
func TestJWTJoinsItsClaimedPrincipalAfterSuccess(t *testing.T) {
	r := newReplay(t)
	jwt := func(n int, status int) call {
		return call{at: now, token: fmt.Sprintf("jwt-%d", n), claimed: kp("job"), status: status}
	}
	r.call(jwt(0, 200)) // makes the area known
	r.call(call{at: now, token: "other", status: 401})
	for n := range 5 {
		r.call(jwt(n, 200))
	}
	require.EqualValues(t, 1, r.e.Metrics().Tracked, "five tokens, one principal")
	r.call(jwt(9, 401))
	require.EqualValues(t, 1, r.e.Metrics().Tracked, "a claim alone is worth nothing")
}

// A rotation of the key ring is no new token: what was known goes on under the new fingerprint.
func TestKeyRotationKeepsTheBaseline(t *testing.T) {
	r := known(t, "ci")
	c := use("ci-epoch-2", "/v1/admin/users", "203.0.113.4")
	c.previous = "ci"
	require.Equal(t, []string{"new_endpoint high ci-epoch-2"}, r.after(c))
	require.EqualValues(t, 1, r.e.Metrics().Tracked)
}

// Two gateways and a service tell of the same requests; the counts stay true, and no forged id hides a request.
func TestOneRequestToldByManyCountsOnce(t *testing.T) {
	r := newReplay(t)
	r.call(call{at: now, token: "ci", owner: "o"})
	count := func() uint32 {
		sh := r.e.shards[shardOf(mustID(fp("ci")))]
		return sh.get(mustID(fp("ci"))).scales[scaleHour].cur
	}
	require.EqualValues(t, 1, count())
	for i := range 10 {
		key := fmt.Sprintf("%032x", 1000+i)
		r.call(call{at: now, token: "ci", owner: "o", requestKey: key, source: "edge"})
		r.call(call{at: now, token: "ci", owner: "o", requestKey: key, source: "inner"})
		r.call(call{at: now, token: "ci", owner: "o", requestKey: key, capture: event.CaptureSpan, service: "orders"})
	}
	require.EqualValues(t, 11, count())
	for range 100 { // one request id forged for all
		r.call(call{at: now, token: "ci", owner: "o", requestKey: "forged", source: "edge"})
	}
	require.EqualValues(t, 111, count())
}

func TestAnEventIsCountedOnce(t *testing.T) {
	r := newReplay(t)
	rec := call{at: now, token: "ci", owner: "o"}.record("feed")
	for range 3 {
		r.e.Observe(&rec)
	}
	require.EqualValues(t, 2, r.e.Metrics().Duplicates)
	r.clock = r.clock.Add(25 * time.Minute)
	other := call{at: r.clock, token: "ci", owner: "o"}.record("beef")
	r.e.Observe(&other)
	r.e.Observe(&rec)
	require.EqualValues(t, 2, r.e.Metrics().Duplicates, "forgotten after a while: memory is bounded")
}

// An outage or a deployment makes everybody look odd at once: one alert says so. Whoever comes from a strange
// network is not covered by it.
func TestAnIncidentOfTheFleetIsOneAlert(t *testing.T) {
	var tokens []string
	for i := range 30 {
		tokens = append(tokens, fmt.Sprintf("svc-%02d", i))
	}
	r := known(t, tokens...)
	var calls []call
	for i, token := range tokens {
		for j := range 60 {
			c := use(token, "/v1/orders", fmt.Sprintf("198.51.100.%d", i))
			if token == "svc-29" {
				c.client = "203.0.113.9"
			}
			c.at = now.Add(time.Duration(i*60+j) * 50 * time.Millisecond)
			calls = append(calls, c)
		}
	}
	got := r.after(calls...)
	fleet := slices.Index(got, "usage_spike medium ")
	require.GreaterOrEqual(t, fleet, 4, "%v", got)
	require.Equal(t, []string{"usage_spike high svc-29"}, got[fleet+1:])
	require.Greater(t, r.e.Metrics().Suppressed[UsageSpike][ByIncident], uint64(15))
}

func TestNothingIsSaidWhileTheFleetIsLearning(t *testing.T) {
	r := newReplay(t)
	r.e.cfg.Learning = 30 * 24 * time.Hour
	r.all(weeks("ci"))
	require.Empty(t, r.after(use("ci", "/v1/admin/users", "203.0.113.4")))
	require.NotZero(t, r.e.Metrics().Suppressed[NewEndpoint][ByWarmup])
	dead := use("ci", "/v1/orders", "198.51.100.0")
	dead.state, dead.revoked = event.StateRevoked, now.Add(-time.Hour).Format(time.RFC3339)
	require.Equal(t, []string{"dead_token medium ci"}, r.after(dead), "a fact needs no history")
}

// After an alert the same token stays silent for six hours, unless it gets worse.
func TestCooldown(t *testing.T) {
	r := known(t, "ci")
	burst := func(after time.Duration, client string) (out []call) {
		for i := range 60 {
			c := use("ci", "/v1/orders", client)
			c.at = now.Add(after + time.Duration(i)*time.Second/2)
			out = append(out, c)
		}
		return out
	}
	require.Equal(t, []string{"usage_spike medium ci"}, r.after(burst(0, "198.51.100.0")...))
	r.wait(2 * time.Hour)
	require.Empty(t, r.after(burst(2*time.Hour, "198.51.100.0")...))
	require.NotZero(t, r.e.Metrics().Suppressed[UsageSpike][ByCooldown])
	require.Equal(t, []string{"usage_spike high ci"}, r.after(burst(3*time.Hour, "203.0.113.9")...))
}

// Attacker text in a sentence is quoted and short, and no line of it can be broken.
func TestExplanationsQuoteTheAttacker(t *testing.T) {
	r := known(t, "ci")
	c := use("ci", "/v1/\x1b[31m\nALERT resolved\u202e/"+strings.Repeat("A", 5000), "203.0.113.4")
	c.token, c.owner = "ci", "owner\nof"
	r.after(c)
	require.Len(t, r.alerts, 1)
	text := r.alerts[0].Explanation
	require.Less(t, len(text), 500)
	for _, ch := range text {
		require.True(t, ch >= ' ' && ch != 0x7f && ch != 0x202e, "%q", text)
	}
}

// A sender whose clock lies does not end alerts or learning for the others.
func TestOneSourceCannotMoveTimeForAll(t *testing.T) {
	r := known(t, "ci")
	mark := r.e.clock.watermark()
	c := use("x", "/v1/orders", "198.51.100.0")
	c.at, c.source = now.Add(9*time.Minute), "liar"
	r.call(c)
	require.LessOrEqual(t, r.e.clock.watermark(), minuteOf(now.UnixNano()))
	require.GreaterOrEqual(t, r.e.clock.watermark(), mark)
	old := use("ci", "/v1/orders", "198.51.100.0")
	old.at = now.AddDate(0, 0, -3)
	r.call(old)
	require.EqualValues(t, 1, r.e.Metrics().Late)
}
