package apilogreceiver

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// gatewayRun plays the numbers of gateways to the counters of one source.
type gatewayRun struct {
	t   *testing.T
	cs  counters
	now time.Time
}

func newGatewayRun(t *testing.T) *gatewayRun {
	t.Helper()
	return &gatewayRun{t: t, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
}

func (g *gatewayRun) send(host string, numbers ...uint64) limitsBitten {
	var bitten limitsBitten
	for _, n := range numbers {
		g.cs.take(&recordSeen{number: n, host: host}, g.now.UnixNano(), &bitten)
	}
	return bitten
}

func (g *gatewayRun) after(d time.Duration) { g.now = g.now.Add(d) }

// settled lets every gap get too old to be filled.
func (g *gatewayRun) settled() verdicts {
	g.after(sequenceGrace)
	g.cs.expire(g.now.UnixNano())
	return g.cs.verdicts
}

func numbers(from, to uint64) []uint64 {
	var out []uint64
	for n := from; n <= to; n++ {
		out = append(out, n)
	}
	return out
}

func TestALostRecordIsMissingOnceItIsTooLate(t *testing.T) {
	g := newGatewayRun(t)
	g.send("", numbers(1, 100)...)
	g.send("", numbers(111, 200)...)
	require.Zero(t, g.cs.verdicts.missing, "it may still come")
	require.Equal(t, verdicts{followed: 190, missing: 10}, g.settled())
	require.Equal(t, verdicts{followed: 190, missing: 10}, g.settled(), "counted once")
}

// A line is written when its request ends: numbers overlap by as many as are in flight.
func TestNumbersOutOfOrderAreNoGap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	g := newGatewayRun(t)
	list := numbers(5000, 25_000)
	for i := 0; i+200 <= len(list); i += 100 { // overlapping shuffles: up to two hundred in flight
		random.Shuffle(200, func(a, b int) { list[i+a], list[i+b] = list[i+b], list[i+a] })
	}
	for _, n := range list {
		g.send("", n)
		g.after(time.Millisecond)
	}
	got := g.settled()
	require.Zero(t, got.missing)
	require.Zero(t, got.unclear)
	require.EqualValues(t, len(list), got.followed)
}

func TestASlowRequestIsWaitedFor(t *testing.T) {
	g := newGatewayRun(t)
	g.send("", numbers(1, 10)...)
	g.send("", numbers(12, 5000)...)
	g.after(sequenceGrace - time.Second)
	g.send("", 11)
	require.Equal(t, verdicts{followed: 5000}, g.settled())
}

// The counter begins at one again: nothing is lost, and what is lost later is found.
func TestARestartIsNoGap(t *testing.T) {
	g := newGatewayRun(t)
	g.send("", numbers(90_000, 91_000)...)
	g.after(time.Minute)
	g.send("", numbers(1, 500)...)
	require.Zero(t, g.settled().missing)
	g.after(mixedFor)
	g.send("", numbers(501, 600)...)
	g.send("", numbers(604, 700)...)
	require.EqualValues(t, 3, g.settled().missing)
}

// Two gateways behind one source whose records do not name theirs: nobody can say what is missing, so nothing is.
func TestCountersThatMixAreUnclearAndNeverMissing(t *testing.T) {
	far, near, overlapping := uint64(5_000_000), uint64(700), uint64(30)
	for name, distance := range map[string]uint64{"far": far, "near": near, "overlapping": overlapping} {
		for pattern, batch := range map[string]int{"alternating": 1, "in batches": 100, "slow and fast": 7} {
			t.Run(name+" "+pattern, func(t *testing.T) {
				g := newGatewayRun(t)
				a, b := uint64(1000), 1000+distance
				for range 400 {
					for range batch {
						g.send("", a)
						a++
					}
					if batch == 7 {
						g.after(time.Second)
						g.send("", b)
						b++
						continue
					}
					for range batch {
						g.send("", b)
						b++
					}
					g.after(time.Second)
				}
				require.Zero(t, g.settled().missing)
			})
		}
	}
}

func TestCountersOfHostsThatAreNamedDoNotMix(t *testing.T) {
	g := newGatewayRun(t)
	for i := range uint64(300) {
		if i != 100 {
			g.send("pod-a", 1000+i)
		}
		g.send("pod-b", 1200+i)
	}
	require.Equal(t, verdicts{followed: 599, missing: 1}, g.settled())
}

// A gateway that was silent while another ran, or one that took over: its numbers are not the other's gap.
func TestALeapFurtherThanACounterRunsIsUnclear(t *testing.T) {
	g := newGatewayRun(t)
	for i := range uint64(300) {
		g.send("", 100+i)
		g.after(time.Second)
	}
	g.send("", numbers(60_000, 60_100)...)
	require.Equal(t, verdicts{followed: 401, unclear: 1}, g.settled())
}

// The sender was down for ten minutes and its queue too short: as far as the counter can have run, it is loss.
func TestALongOutageIsMissing(t *testing.T) {
	g := newGatewayRun(t)
	n := uint64(0)
	for range 60 {
		g.send("", numbers(n+1, n+100)...)
		n += 100
		g.after(time.Second)
	}
	g.after(10 * time.Minute)
	lost := uint64(60_000)
	g.send("", numbers(n+lost+1, n+lost+100)...)
	require.EqualValues(t, lost, g.settled().missing)
}

// A body that came again after its ids were forgotten looks like a restart.
func TestAReplayedBodyIsNoGap(t *testing.T) {
	g := newGatewayRun(t)
	g.send("", numbers(1, 1000)...)
	g.send("", numbers(200, 300)...)
	g.send("", numbers(1001, 1100)...)
	require.Zero(t, g.settled().missing)
}

func TestWhatIsFollowedIsBounded(t *testing.T) {
	g := newGatewayRun(t)
	for i := range maxCounters {
		require.Zero(t, g.send(string(rune('a'+i)), 1).counters)
	}
	require.EqualValues(t, 1, g.send("one more", 1).counters)
	require.Len(t, g.cs.byHost, maxCounters)
	g.after(sequenceGrace)
	require.Zero(t, g.send("one more", 1).counters, "a silent one makes place")
	require.Len(t, g.cs.byHost, maxCounters)

	g = newGatewayRun(t)
	var bitten int64
	for i := range uint64(2 * maxHoles) {
		bitten += g.send("", 1+2*i).holes
	}
	require.NotZero(t, bitten)
	require.LessOrEqual(t, len(g.cs.byHost[""].holes), maxHoles)
	g.send("", 1<<64-1, 1<<63, 0, 1<<64-1, 1)
}

func FuzzCounter(f *testing.F) {
	f.Add([]byte{1, 2, 3, 5, 4, 200, 201, 1, 2})
	f.Fuzz(func(t *testing.T, steps []byte) {
		g := newGatewayRun(t)
		n := uint64(1 << 32)
		for _, b := range steps {
			switch n += uint64(b); {
			case b >= 250:
				n = 1 << (b - 250)
			case b >= 200:
				n -= 2 * uint64(b-190)
			}
			g.send("", n)
			g.after(time.Duration(b) * time.Second)
			c := g.cs.byHost[""]
			require.LessOrEqual(t, len(c.holes), maxHoles)
			for i, h := range c.holes {
				require.LessOrEqual(t, h.lo, h.hi)
				require.Less(t, h.hi, c.high)
				require.True(t, i == 0 || c.holes[i-1].hi < h.lo)
			}
		}
		v := g.settled()
		require.EqualValues(t, true, v.missing >= 0 && v.followed >= 0 && v.unclear >= 0)
	})
}
