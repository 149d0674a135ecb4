package archive

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

func TestShippedClasses(t *testing.T) {
	classes := ShippedClasses()
	require.Len(t, classes, 3)
	for i, want := range []struct {
		name string
		keep time.Duration
	}{{"full", 168 * time.Hour}, {"trail", 2160 * time.Hour}, {"security", 9600 * time.Hour}} {
		assert.Equal(t, want.name, classes[i].Name)
		assert.Equal(t, want.keep, classes[i].Keep)
		require.NoError(t, classes[i].Validate())
		assert.Equal(t, i > 0, classes[i].pseudonymous())
	}
	assert.Greater(t, classes[0].rank(), classes[1].rank())
}

// The hash names documents that stand beside years of data: changing it orphans them.
func TestTheHashOfAClassIsFrozen(t *testing.T) {
	assert.Equal(t, []string{"8cbbfd412ddb8543", "7ed8c03fe3b22878", "d84048a312a3af33"}, []string{ShippedClasses()[0].Hash(), ShippedClasses()[1].Hash(), ShippedClasses()[2].Hash()})
	assert.Equal(t, Class{Name: "x", Keep: day}.Hash(), Class{Name: "x", Keep: day, Fields: []string{"skeleton"}}.Hash())
}

func TestClassesThatCannotBe(t *testing.T) {
	f := func(want string, c Class) {
		t.Helper()
		if c.Keep == 0 {
			c.Keep = day
		}
		if c.Name == "" {
			c.Name = "c"
		}
		require.ErrorContains(t, c.Validate(), want)
	}
	f("`name` must match", Class{Name: "../x"})
	f("`keep` must be at least a day", Class{Keep: time.Hour})
	f("`fields` must be \"all\" alone", Class{Fields: []string{"all", "url.path"}})
	f("`lock` \"compliance\" needs", Class{Lock: LockCompliance, Fields: []string{"all"}})
	f("`lock` \"governance\" needs", Class{Lock: LockGovernance, ClientAddress: AddressKeep})
	f("`lock` \"governance\" needs", Class{Lock: LockGovernance, Owner: OwnerKeep})
	f("`lock` \"governance\" needs", Class{Lock: LockGovernance, Fields: []string{"skeleton", "url.path"}})
	require.NoError(t, Class{Name: "worm", Keep: 400 * day, Lock: LockCompliance}.Validate())

	var m OwnerMode
	require.ErrorContains(t, m.UnmarshalText([]byte("hash")), "`owner` must be one of")
	require.NoError(t, m.UnmarshalText([]byte("drop")))
	assert.Equal(t, OwnerDrop, m)
}

func TestAListNamesWhatIsKept(t *testing.T) {
	r := request(1, today, fp(1))
	r.Attrs.Add("token.jwt.subject", event.String("alice"))
	v := newView(Class{Name: "x", Keep: day, Fields: []string{"url.path", "kong.*", "trace_id"},
		ClientAddress: AddressKeep, Owner: OwnerDrop, Headers: HeadersKeep})
	v.apply(r, "op_1")
	var keys []string
	for _, a := range r.Attrs {
		keys = append(keys, a.Key)
	}
	assert.Equal(t, []string{event.KeyEventID, "url.path", "kong.latency.proxy", event.KeyFingerprint}, keys,
		"what is listed, and what the frame of every row has")
	assert.NotZero(t, r.TraceID)
	assert.Zero(t, r.SpanID)
	assert.Empty(t, r.Resource)
}

func TestATruncatedAddressStandsNowhereElse(t *testing.T) {
	r := request(1, today, fp(1))
	r.Attrs.Set(event.KeyPeerAddress, event.String("203.0.113.77"))
	r.Attrs.Set(event.PrefixRequestHeader+"x-forwarded-for", event.Strings([]string{"203.0.113.77"}))
	newView(Class{Name: "x", Keep: day, Fields: []string{"all"}, ClientAddress: AddressTruncate}).apply(r, "")
	for _, a := range r.Attrs {
		assert.NotContains(t, a.Value.Text(), "203.0.113.77", a.Key)
	}
	for in, want := range map[string]string{
		"203.0.113.77": "203.0.113.0/24", "2001:db8:1:2:3::4": "2001:db8:1::/48", "::ffff:203.0.113.77": "203.0.113.0/24",
		"fe80::1%eth0": "fe80::/48", "unix:": "", "": "",
	} {
		assert.Equal(t, want, event.Network(in), in)
	}
}

func TestAnAlertInASkeletonDoesNotNameThePerson(t *testing.T) {
	r := request(1, today, fp(1))
	r.Name = event.NameAnomaly
	r.Attrs.Set(event.KeyOwnerID, event.String("ci"))
	r.Attrs.Set(event.KeyOwnerName, event.String("Alice Example"))
	r.Attrs.Set(event.KeyAlertExplanation, event.String("token of ci (Alice Example) used from 203.0.113.77 for a specific route"))
	r.Attrs.Set(event.KeyAlertReasons, event.Strings([]string{"new network 203.0.113.77", "owner ci"}))
	newView(ShippedClasses()[2]).apply(r, "op_1")
	assert.Equal(t, "token of op_1 (op_1) used from 203.0.113.0/24 for a specific route", r.Attrs.Str(event.KeyAlertExplanation))
	reasons, _ := r.Attrs.Get(event.KeyAlertReasons)
	assert.Equal(t, []string{"new network 203.0.113.0/24", "owner op_1"}, reasons.Strings())
}

func TestAClassDocumentComesBackAsTheClass(t *testing.T) {
	b := openTemp(t)
	write(t, newTestWriter(t, b), 1, request(1, today, fp(1)))
	docs := classDocuments{bucket: b}
	for _, want := range ShippedClasses()[:2] {
		got, err := docs.get(t.Context(), want.Hash())
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}
