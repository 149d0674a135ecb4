package lookup

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/owner"
)

func TestFirstRequestGoesWithoutAndLaterOnesHaveIt(t *testing.T) {
	story(t, Options{}, func(t *testing.T, c *Cache, f *fakeSource) {
		f.set(time.Second, owned("svc-orders"))
		expect(t, c, token(1), true, Pending, "")
		after(500 * time.Millisecond)
		expect(t, c, token(1), true, Pending, "")
		after(time.Second)
		expect(t, c, token(1), true, Known, "svc-orders")
		expect(t, c, token(1), false, Known, "svc-orders")
		assert.Equal(t, 1, f.count())
		s := c.Stats()
		assert.Equal(t, Stats{Hits: 2, Misses: 2, Found: 1, Entries: 1, Bytes: s.Bytes}, s)
	})
}

func TestOneCallHoweverManyWait(t *testing.T) {
	story(t, Options{}, func(t *testing.T, c *Cache, f *fakeSource) {
		f.set(2*time.Second, owned("svc-orders"))
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				for range 100 {
					_, state := c.Get(token(1), true)
					assert.Equal(t, Pending, state)
				}
			})
		}
		all.Wait()
		assert.Equal(t, 1, c.Stats().Waiting)
		after(3 * time.Second)
		assert.Equal(t, 1, f.count())
		assert.Zero(t, c.Stats().Waiting)
		assert.Equal(t, *token(1), f.calls[0])
	})
}

func TestOnlyTokensOfAnsweredRequestsAreAskedAbout(t *testing.T) {
	story(t, Options{}, func(t *testing.T, c *Cache, f *fakeSource) {
		expect(t, c, token(1), false, NotAsked, "")
		expect(t, c, &owner.Keys{JWTIssuer: "https://issuer.example.test"}, true, NotAsked, "")
		after(time.Minute)
		assert.Zero(t, f.count())
		assert.Equal(t, int64(1), c.Stats().Refused)
		expect(t, c, token(1), true, Pending, "")
	})
}

func TestNotKnownIsRememberedForLess(t *testing.T) {
	story(t, Options{}, func(t *testing.T, c *Cache, f *fakeSource) {
		expect(t, c, token(1), true, Pending, "")
		after(50 * time.Second)
		expect(t, c, token(1), true, Absent, "")
		after(20 * time.Second) // the token has been issued since
		f.set(0, owned("svc-new"))
		expect(t, c, token(1), false, NotAsked, "")
		expect(t, c, token(1), true, Pending, "")
		after(time.Second)
		expect(t, c, token(1), true, Known, "svc-new")
		assert.Equal(t, 2, f.count())
	})
}

func TestAStaleRowIsShownWhileItIsAskedAboutAgain(t *testing.T) {
	story(t, Options{TTL: 10 * time.Minute}, func(t *testing.T, c *Cache, f *fakeSource) {
		f.set(0, owned("alice"))
		c.Get(token(1), true)
		after(time.Second)
		f.set(time.Second, owned("bob"))
		after(8 * time.Minute)
		expect(t, c, token(1), true, Known, "alice")
		after(2 * time.Minute)
		for range 1000 { // the token is refused everywhere now: it is asked about all the same
			expect(t, c, token(1), false, Stale, "alice")
		}
		after(2 * time.Second)
		expect(t, c, token(1), false, Known, "bob")
		assert.Equal(t, 2, f.count())
		f.set(0, unknown)
		after(11 * time.Minute)
		expect(t, c, token(1), false, Stale, "bob")
		after(time.Second)
		expect(t, c, token(1), false, Absent, "") // the directory dropped it
	})
}

func TestRefreshesOfTokensLearnedTogetherAreSpread(t *testing.T) {
	story(t, Options{Rate: 1e5, TTL: 10 * time.Minute}, func(t *testing.T, c *Cache, f *fakeSource) {
		f.set(0, owned("alice"))
		for n := range 500 {
			c.Get(token(n), true)
		}
		after(9*time.Minute + 30*time.Second)
		fresh := 0
		for n := range 500 {
			if _, state := c.Get(token(n), true); state == Known {
				fresh++
			}
		}
		assert.InDelta(t, 250, fresh, 100, "half of a minute of jitter is over")
	})
}

func TestADeadSourceKeepsItsRowsAndBlocksNobody(t *testing.T) {
	var told []string
	o := Options{TTL: time.Minute, MaxStale: time.Hour, OnStatus: func(err error) { told = append(told, fmt.Sprint(err)) }}
	story(t, o, func(t *testing.T, c *Cache, f *fakeSource) {
		f.set(0, owned("alice"))
		c.Get(token(1), true)
		after(2 * time.Minute)

		f.set(time.Hour, nil) // hangs beyond every timeout
		began := time.Now()
		expect(t, c, token(1), true, Stale, "alice")
		expect(t, c, token(2), true, Pending, "")
		assert.Zero(t, time.Since(began), "nobody waits")
		after(6 * time.Second)
		expect(t, c, token(1), true, Stale, "alice")
		expect(t, c, token(2), true, Unavailable, "")

		for range 30 * 60 { // half an hour of requests
			c.Get(token(1), true)
			c.Get(token(2), true)
			after(time.Second)
		}
		expect(t, c, token(1), true, Stale, "alice")
		assert.Less(t, f.count(), 100, "the source is left alone")
		for range 35 * 60 {
			c.Get(token(1), true)
			after(time.Second)
		}
		row, state := c.Get(token(1), true)
		assert.Nil(t, row, "over an hour without an answer")
		assert.Contains(t, []State{Unavailable, Pending}, state)

		f.set(0, owned("bob"))
		for range 3 * 60 {
			c.Get(token(1), true)
			after(time.Second)
		}
		expect(t, c, token(1), true, Known, "bob")
		assert.Equal(t, []string{"context deadline exceeded", "<nil>"}, told)
	})
}

// busy is an error that says when to come back.
type busy struct{ after time.Duration }

func (busy) Error() string               { return "rate_limited" }
func (b busy) RetryAfter() time.Duration { return b.after }

func TestASourceThatSaysWhenIsHeard(t *testing.T) {
	story(t, Options{Workers: 1}, func(t *testing.T, c *Cache, f *fakeSource) {
		f.set(0, failing(fmt.Errorf("find: %w", busy{2 * time.Minute})))
		c.Get(token(1), true)
		after(time.Second)
		f.set(0, owned("alice"))
		c.Get(token(2), true)
		after(100 * time.Second)
		expect(t, c, token(2), true, Pending, "")
		after(30 * time.Second)
		expect(t, c, token(2), true, Known, "alice")
	})
}

func TestAKeyThatFailsDoesNotStopOthers(t *testing.T) {
	story(t, Options{}, func(t *testing.T, c *Cache, f *fakeSource) {
		f.set(0, func(k owner.Keys) (*owner.Row, error) {
			if k == *token(1) {
				return nil, errors.New("server_error")
			}
			return rowOf("alice"), nil
		})
		for n := range 60 {
			c.Get(token(1), true)
			c.Get(token(100+n), true)
			after(time.Second)
		}
		s := c.Stats()
		assert.Equal(t, int64(60), s.Found)
		assert.InDelta(t, 6, s.Failed, 2)
	})
}

func TestAFloodStaysBounded(t *testing.T) {
	o := Options{MaxBytes: 1 << 20, Queue: 100}
	story(t, o, func(t *testing.T, c *Cache, f *fakeSource) {
		f.set(time.Millisecond, owned("svc-orders"))
		c.Get(token(-1), true)
		after(time.Second)
		f.set(time.Millisecond, unknown)
		began, before := time.Now(), f.count()
		for n := range 100_000 { // ten seconds of ten thousand new tokens a second
			c.Get(token(n), true)
			c.Get(token(-1), true)
			if n%100 == 99 {
				<-time.After(10 * time.Millisecond)
			}
			if n%10_000 == 0 {
				s := c.Stats()
				require.LessOrEqual(t, s.Waiting, 100+DefaultWorkers)
			}
		}
		assert.LessOrEqual(t, f.count()-before, int(DefaultRate*time.Since(began).Seconds())+DefaultRate/10+1)
		assert.GreaterOrEqual(t, f.count()-before, 400)
		expect(t, c, token(-1), true, Known, "svc-orders")
		after(time.Minute)
		s := c.Stats()
		assert.LessOrEqual(t, s.Bytes, 1<<20+4096)
		assert.Equal(t, int64(100_000), s.Dropped+s.NotFound)
		t.Logf("flood of 100000: %d calls, %d dropped, %d bytes", s.NotFound, s.Dropped, s.Bytes)
	})
}

// The memory of answers is bounded, and what is in use survives what is seen once.
func TestEntriesSeenOftenSurviveThoseSeenOnce(t *testing.T) {
	o := Options{MaxBytes: 200_000, Rate: 1e6, Queue: 10, TTL: 1000 * time.Hour}
	story(t, o, func(t *testing.T, c *Cache, f *fakeSource) {
		f.set(0, owned("svc-orders"))
		for n := range 20 {
			c.Get(token(n), true)
			after(time.Millisecond)
		}
		f.set(0, unknown)
		for n := range 3000 {
			c.Get(token(1000+n), true)
			after(time.Millisecond)
			for hot := range 20 {
				c.Get(token(hot), true)
			}
		}
		s := c.Stats()
		assert.LessOrEqual(t, s.Bytes, 210_000)
		assert.Equal(t, int64(20), s.Found, "none of them was asked about again")
	})
}

func TestKnownTokensGoBeforeAFloodOfNewOnes(t *testing.T) {
	story(t, Options{Workers: 1, TTL: time.Minute}, func(t *testing.T, c *Cache, f *fakeSource) {
		f.set(0, owned("alice"))
		c.Get(token(-1), true)
		after(2 * time.Minute)
		f.set(10*time.Millisecond, owned("bob"))
		for n := range DefaultQueue {
			c.Get(token(n), true)
		}
		expect(t, c, token(-1), false, Stale, "alice")
		after(time.Second)
		expect(t, c, token(-1), false, Known, "bob")
	})
}

func TestTokensThatAgreeInTheKeysAreOneQuestion(t *testing.T) {
	jwt := func(n int) *owner.Keys {
		k := token(n)
		k.JWTIssuer, k.JWTSubject, k.JWTID = "https://issuer.example.test", "svc-orders", fmt.Sprint(n)
		return k
	}
	story(t, Options{Keys: []string{JWTIssuer, JWTSubject}}, func(t *testing.T, c *Cache, f *fakeSource) {
		f.set(0, owned("svc-orders"))
		for n := range 1000 {
			c.Get(jwt(n), true)
		}
		after(time.Second)
		expect(t, c, jwt(2000), false, Known, "svc-orders")
		assert.Equal(t, 1, f.count())
		other := jwt(1)
		other.JWTIssuer = "https://other.example.test"
		expect(t, c, other, true, Pending, "")
		expect(t, c, token(1), true, NotAsked, "") // has no claims
	})
	story(t, Options{}, func(t *testing.T, c *Cache, f *fakeSource) {
		c.Get(jwt(1), true)
		after(time.Second)
		expect(t, c, token(1), true, Pending, "") // the same token before its claims were proven
	})
}

func TestAHashWithoutAFingerprintIsNotKept(t *testing.T) {
	k := token(1)
	k.Fingerprint = ""
	r := newKeyer([]string{SHA256})
	x, ok := r.key(k)
	require.True(t, ok)
	assert.NotEqual(t, [16]byte(k.SHA256[:16]), x.rest)
	other, _ := newKeyer([]string{SHA256}).key(k)
	assert.NotEqual(t, other, x, "salted")
	story(t, Options{Keys: []string{SHA256}}, func(t *testing.T, c *Cache, f *fakeSource) {
		f.set(0, owned("alice"))
		c.Get(k, true)
		after(time.Second)
		expect(t, c, k, true, Known, "alice")
	})
}

func TestCloseEndsCallsAndStillAnswers(t *testing.T) {
	story(t, Options{}, func(t *testing.T, c *Cache, f *fakeSource) {
		f.set(0, owned("alice"))
		c.Get(token(1), true)
		after(time.Second)
		f.set(4*time.Second, owned("bob"))
		for n := range 50 {
			c.Get(token(10+n), true)
		}
		began := time.Now()
		c.Close()
		assert.Zero(t, time.Since(began))
		expect(t, c, token(1), true, Known, "alice")
		expect(t, c, token(999), true, NotAsked, "")
		assert.Zero(t, c.Stats().Failed, "a call that Close ended says nothing of the source")
		c.Close()
	})
}

func TestOptionsAreChecked(t *testing.T) {
	f := func(want string, o Options) {
		t.Helper()
		_, err := New(&fakeSource{}, o)
		require.EqualError(t, err, want)
	}
	require.NoError(t, Options{}.Validate())
	require.NoError(t, Options{TTL: 10 * time.Second}.Validate())
	f("`keys` must be among sha256, fingerprint, credential_id, jwt_issuer, jwt_subject, jwt_client_id, jwt_id, found \"token\"",
		Options{Keys: []string{"token"}})
	f("`ttl` must be at least 1s, found 1ms\n`negative_ttl` must be at least 1s, found 1ms", Options{TTL: time.Millisecond})
	f("`max_stale` must be at least `ttl`, found 1m0s", Options{MaxStale: time.Minute})
	f("`timeout` must be positive, found -1s", Options{Timeout: -time.Second})
	f("`rate` must be above 0 and at most 1000000, found -1", Options{Rate: -1})
	f("`workers` must be from 1 to 64, found 65", Options{Workers: 65})
	f("`queue` must be positive, found -1", Options{Queue: -1})
	f("`max_bytes` must be positive, found -1", Options{MaxBytes: -1})
}
