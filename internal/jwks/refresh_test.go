package jwks

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// publisher is an issuer's server without a network, so that hours pass in no time.
type publisher struct {
	set   atomic.Pointer[[]byte]
	down  atomic.Bool
	stuck atomic.Bool
	asked []time.Time // read only while the follower waits
}

func (p *publisher) publish(set []byte) { p.set.Store(&set) }

func (p *publisher) RoundTrip(req *http.Request) (*http.Response, error) {
	p.asked = append(p.asked, time.Now())
	if p.stuck.Load() {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	w := httptest.NewRecorder()
	if p.down.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
	} else {
		_, _ = w.Write(*p.set.Load())
	}
	return w.Result(), nil
}

// said is one call of OnRefresh.
type said struct {
	err error
	at  time.Time
}

// following opens sets over a publisher, inside a synctest bubble.
func following(t *testing.T, p *publisher) (*Sets, *[]said) {
	t.Helper()
	var told []said
	s, err := Open(t.Context(), Config{
		Issuers:   []Issuer{{Name: iss, URL: "https://issuer.example.test/jwks?key=dummy-secret", Client: &http.Client{Transport: p}}},
		OnRefresh: func(_ string, err error) { told = append(told, said{err, time.Now()}) },
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, &told
}

// pass lets time go by, and whatever is due in it happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestASetIsRefreshedEachInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{}
		p.publish(setOf(jwk(ecKey(), "k1", "")))
		s, told := following(t, p)
		require.Equal(t, Verified, s.become(t, sign(ecKey(), "ES256", "k1", claims())), "the first set is there when Open returns")
		pass(10 * time.Hour)
		assert.GreaterOrEqual(t, len(p.asked), 10)
		assert.LessOrEqual(t, len(p.asked), 12)
		differ := false
		for i := 1; i < len(p.asked); i++ {
			gap := p.asked[i].Sub(p.asked[i-1])
			assert.InDelta(t, time.Hour, gap, float64(6*time.Minute))
			differ = differ || gap != p.asked[1].Sub(p.asked[0])
		}
		assert.True(t, differ, "collectors that were started together must not ask together")
		assert.Empty(t, *told)
	})
}

// The story of a rotation: tokens of the new key are verified within a minute, those of the old one as long as it is
// published.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{}
		p.publish(setOf(jwk(ecKey(), "k1", "")))
		s, _ := following(t, p)
		old, fresh := sign(ecKey(), "ES256", "k1", claims()), sign(ecKey2(), "ES256", "k2", claims())
		require.Equal(t, Verified, s.become(t, old))
		pass(5 * time.Minute)
		p.publish(setOf(jwk(ecKey(), "k1", ""), jwk(ecKey2(), "k2", "")))
		assert.Equal(t, UnknownKey, s.become(t, fresh))
		synctest.Wait()
		assert.Equal(t, Verified, s.become(t, fresh), "the last request is long ago, so the next one goes out at once")
		checks := s.Stats().Checks
		assert.Equal(t, Verified, s.become(t, old))
		assert.Equal(t, checks, s.Stats().Checks, "a key that stays keeps what it verified")

		p.publish(setOf(jwk(ecKey2(), "k2", "")))
		pass(2 * time.Hour)
		assert.Equal(t, UnknownKey, s.become(t, old), "its key was taken back")
		assert.Equal(t, Verified, s.become(t, fresh))
	})
}

func TestUnknownKeysMakeOneRequestAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{}
		p.publish(setOf(jwk(ecKey(), "k1", "")))
		s, _ := following(t, p)
		for i := range 600 { // ten minutes of a flood
			s.Verify(sign(ecKey2(), "ES256", fmt.Sprintf("invented-%d", i), claims()))
			pass(time.Second)
		}
		assert.GreaterOrEqual(t, len(p.asked), 9)
		assert.LessOrEqual(t, len(p.asked), 11)
		for i := 1; i < len(p.asked); i++ {
			assert.GreaterOrEqual(t, p.asked[i].Sub(p.asked[i-1]), minRefreshGap)
		}
		assert.Zero(t, s.Stats().Checks, "a key id that nobody published costs no signature check")

		// The issuer signs before it publishes: a token met again brings the refresh that finds its key.
		late := sign(ecKey2(), "ES256", "k2", claims())
		s.Verify(late)
		pass(5 * time.Minute)
		p.publish(setOf(jwk(ecKey2(), "k2", "")))
		assert.Equal(t, UnknownKey, s.become(t, late))
		pass(minRefreshGap)
		assert.Equal(t, Verified, s.become(t, late))
	})
}

func TestAnIssuerThatIsDownKeepsItsKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{}
		p.publish(setOf(jwk(ecKey(), "k1", "")))
		s, told := following(t, p)
		p.down.Store(true)
		pass(24 * time.Hour)
		assert.Equal(t, Verified, s.become(t, sign(ecKey(), "ES256", "k1", claims("sub", "another"))))
		require.Len(t, *told, 1, "one error is told once")
		assert.EqualError(t, (*told)[0].err, `key set of issuer "`+iss+`": get from issuer.example.test: status must be 200, found 503`)
		assert.Greater(t, s.Stats().RefreshErrors, int64(200), "it is asked every five minutes")
		assert.Less(t, s.Stats().RefreshErrors, int64(400))

		p.down.Store(false)
		pass(longestRetry * 2)
		require.Len(t, *told, 2)
		assert.NoError(t, (*told)[1].err)

		for _, bad := range []string{"", "<html>", `{"keys":[]}`, `{"keys":{}}`} {
			p.publish([]byte(bad))
			pass(2 * time.Hour)
			assert.Equal(t, Verified, s.become(t, sign(ecKey(), "ES256", "k1", claims("sub", bad))), "garbage is no key set")
		}
	})
}

func TestOpenDoesNotWaitForAnIssuerThatIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{}
		p.publish(setOf(jwk(ecKey(), "k1", "")))
		p.stuck.Store(true)
		begin := time.Now()
		s, told := following(t, p)
		assert.Equal(t, startWait, time.Since(begin))
		text := sign(ecKey(), "ES256", "k1", claims())
		assert.Equal(t, UnknownKey, s.become(t, text), "nothing waits, nothing is verified")
		pass(fetchTimeout)
		require.Len(t, *told, 1)
		assert.Equal(t, begin.Add(fetchTimeout), (*told)[0].at)
		assert.NotContains(t, (*told)[0].err.Error(), "dummy-secret", "the address may hold a key")
		p.stuck.Store(false)
		pass(2 * minRefreshGap)
		assert.Equal(t, Verified, s.become(t, text), "a refusal lasts no longer than the set it was made with")
		require.Len(t, *told, 2)
	})
}

func TestCloseInterruptsAFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{}
		p.stuck.Store(true)
		s, told := following(t, p)
		begin := time.Now()
		require.NoError(t, s.Close())
		assert.Equal(t, begin, time.Now())
		assert.Empty(t, *told, "a shutdown is no failure")
	})
}

func TestAFileIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "jwks.json")
		write := func(set []byte) {
			require.NoError(t, os.WriteFile(path+".new", set, 0o600))
			require.NoError(t, os.Rename(path+".new", path))
			pass(fileInterval)
		}
		require.NoError(t, os.WriteFile(path, setOf(jwk(ecKey(), "k1", "")), 0o600))
		var told []error
		s, err := Open(t.Context(), Config{
			Issuers:   []Issuer{{Name: iss, File: path}},
			OnRefresh: func(_ string, err error) { told = append(told, err) },
		})
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		first, second := sign(ecKey(), "ES256", "k1", claims()), sign(ecKey2(), "ES256", "k2", claims())
		assert.Equal(t, Verified, s.become(t, first))
		assert.Equal(t, UnknownKey, s.become(t, second))
		write(setOf(jwk(ecKey2(), "k2", "")))
		assert.Equal(t, Verified, s.become(t, second))
		assert.Equal(t, UnknownKey, s.become(t, first))
		write([]byte("{half"))
		assert.Equal(t, Verified, s.become(t, second), "the last good set stays in force")
		require.NoError(t, os.Remove(path))
		pass(fileInterval)
		require.Len(t, told, 2, "two different errors")
		write(setOf(jwk(ecKey(), "k1", "")))
		assert.Equal(t, Verified, s.become(t, first))
		require.Len(t, told, 3)
		assert.NoError(t, told[2])
	})
}

// A flood of forged tokens costs what the budget allows, takes nothing from what was verified, and is over when it ends.
func TestAFloodOfForgedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 50
		s, _ := fileSets(t, setOf(jwk(edKey(), "k1", "")), func(i *Issuer) { i.Rate = rate })
		good := sign(edKey(), "EdDSA", "k1", claims())
		require.Equal(t, Verified, s.become(t, good))
		signature := good[len(good)-86:]
		forge := func(i int) string {
			return segment(`{"alg":"EdDSA","kid":"k1"}`) + "." + segment(fmt.Sprintf(`{"iss":%q,"sub":"u%d"}`, iss, i)) + "." + signature
		}
		const seconds, perSecond = 20, 1000
		for i := range seconds * perSecond {
			require.False(t, s.Verify(forge(i)))
			if i%100 == 99 {
				pass(100 * time.Millisecond)
			}
		}
		st := s.Stats()
		assert.LessOrEqual(t, st.Checks, int64((seconds+2)*rate))
		assert.GreaterOrEqual(t, st.Checks, int64((seconds-1)*rate))
		assert.Equal(t, int64(seconds*perSecond), st.Results[Failed]+st.Results[OverLimit])
		assert.LessOrEqual(t, s.cache.refused.Len(), refusedEntries)
		assert.Equal(t, Verified, s.become(t, good))
		assert.Equal(t, st.Checks, s.Stats().Checks, "it stood in the cache all the time")
		pass(time.Second)
		assert.Equal(t, Verified, s.become(t, sign(edKey(), "EdDSA", "k1", claims("sub", "new"))))
	})
}

// A token without key id makes us try the keys; it must not make us try all of them for nothing.
func TestTokensWithoutKeyID(t *testing.T) {
	keys := setOf(jwk(ecKey(), "a", ""), jwk(rsaKey(), "b", ""), jwk(ecKey2(), "c", ""))
	s, _ := fileSets(t, keys)
	assert.Equal(t, Verified, s.become(t, sign(ecKey2(), "ES256", "", claims())))
	assert.Equal(t, int64(2), s.Stats().Checks, "the RSA key cannot have signed it")

	var many = setOf()
	for i := range maxKeys {
		k := jwk(newEC(p384().Curve), fmt.Sprint(i), "")
		if i == 0 {
			many = setOf(k)
			continue
		}
		many = append(many[:len(many)-2], append([]byte(","), setOf(k)[len(`{"keys":[`):]...)...)
	}
	s, _ = fileSets(t, many)
	assert.Equal(t, Failed, s.become(t, sign(p384(), "ES384", "", claims())))
	assert.Equal(t, int64(maxTries), s.Stats().Checks)
}

func TestVerifyRunsBesideRefresh(t *testing.T) {
	sets := [][]byte{setOf(jwk(ecKey(), "k1", "")), setOf(jwk(ecKey(), "k1", ""), jwk(ecKey2(), "k2", ""))}
	p := &publisher{}
	p.publish(sets[0])
	var counts counters
	is, err := newIssuer(Issuer{Name: iss, URL: "https://issuer.example.test", Client: &http.Client{Transport: p}}, &counts, nil)
	require.NoError(t, err)
	is.refresh(t.Context())
	s := &Sets{issuers: map[string]*issuer{iss: is}, cache: newCache(), stop: func() {}}
	text := sign(ecKey(), "ES256", "k1", claims())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			p.publish(sets[i%2])
			is.refresh(t.Context())
		}
	}()
	for range 2000 {
		require.True(t, s.Verify(text))
		s.Verify(sign(edKey(), "EdDSA", "k2", claims()))
	}
	stop()
	<-done
}
