package query

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

// A skeleton keeps a network and a template: a filter must tell what it cannot know from what cannot be.
func TestClientOfAnAddressAndOfWhatIsLeftOfOne(t *testing.T) {
	f := func(want, have string, verdict Verdict) {
		t.Helper()
		r := &event.Record{Name: event.NameRequest, Attrs: event.Attrs{{Key: event.KeyClientAddress, Value: event.String(have)}}}
		require.Equal(t, verdict, Filter{Client: []string{want}}.Match(r))
	}
	f("192.0.2.7", "192.0.2.7", Yes)
	f("192.0.2.7", "192.0.2.70", No)
	f("192.0.2.", "192.0.2.7", Yes)
	f("192.0.2", "192.0.2.7", No) // an address, not a prefix
	f("192.0.2.0/24", "192.0.2.7", Yes)
	f("192.0.2.77/24", "192.0.2.7", Yes)
	f("192.0.2.0/30", "192.0.2.7", No)
	f("::ffff:192.0.2.7", "192.0.2.7", Yes)
	f("2001:DB8::1", "2001:db8::1", Yes)
	f("2001:db8:1::/48", "2001:db8:1::9", Yes)
	f("unix:", "unix:", Yes)
	f("192.0.2.7", "unix:", No)
	f("192.0.2.7", "", No)
	f("nonsense", "192.0.2.7", No)

	f("192.0.2.7", "192.0.2.0/24", Unknown)
	f("192.0.3.7", "192.0.2.0/24", No)
	f("192.0.2.0/24", "192.0.2.0/24", Yes)
	f("192.0.0.0/16", "192.0.2.0/24", Yes)
	f("192.0.2.0/28", "192.0.2.0/24", Unknown)
	f("192.0.3.0/28", "192.0.2.0/24", No)
	f("192.0.2.", "192.0.2.0/24", Yes)
	f("2001:db8:1:5:", "2001:db8:1::/48", Unknown)
	f("2001:db8:1:", "2001:db8:1::/48", Yes)
	f("2001:db8:2:5:", "2001:db8:1::/48", No)
	f("2001:db8:1::9", "2001:db8:1::/48", Unknown)
}

func TestRouteOfAPathAndOfWhatIsLeftOfOne(t *testing.T) {
	f := func(want, route, template, path string, verdict Verdict) {
		t.Helper()
		r := &event.Record{Name: event.NameRequest}
		for k, v := range map[string]string{event.KeyRoute: route, event.KeyTemplate: template, event.KeyPath: path} {
			if v != "" {
				r.Attrs.Set(k, event.String(v))
			}
		}
		require.Equal(t, verdict, Filter{Route: []string{want}}.Match(r))
	}
	f("/v1/orders/17", "", "/v1/orders/{id}", "/v1/orders/17", Yes)
	f("/v1/orders/{id}", "", "/v1/orders/{id}", "/v1/orders/17", Yes)
	f("orders-v1", "orders-v1", "/v1/orders/{id}", "/v1/orders/17", Yes)
	f("/v1/orders/18", "", "/v1/orders/{id}", "/v1/orders/17", No)
	f("/v1/*", "", "", "/v1/orders/17", Yes)

	f("/v1/orders/17", "", "/v1/orders/{id}", "", Unknown)
	f("/v1/orders/17", "/v1/orders/:id", "", "", Unknown)
	f("/v1/orders/17/lines", "", "/v1/orders/{id}", "", No)
	f("/v1/orders", "", "/v1/orders/{id}", "", No)
	f("/v1/admin/keys", "", "/v1/orders/{id}", "", No)
	f("/v1/or*", "", "/v1/orders/{id}", "", Yes)
	f("/v1/orders/1*", "", "/v1/orders/{id}", "", Unknown)
	f("/v2/*", "", "/v1/orders/{id}", "", No)
	f("/v1/orders/17", "", "", "", Unknown)
	f("/v1/orders/17", "orders-v1", "", "", Unknown)
	f("/v1/orders/17", "~^/v1/orders/\\d+$", "", "", Unknown)
	f("/v1/orders/17", "/v1/orders/\\d+$", "", "", Unknown)
}

func TestAlternativesAndTheWholeFilter(t *testing.T) {
	skeleton := request(1, alice, str(event.KeyClientAddress, "192.0.2.0/24"))
	require.Equal(t, Unknown, Filter{Client: []string{"198.51.100.1", "192.0.2.7"}}.Match(skeleton))
	require.Equal(t, Yes, Filter{Client: []string{"192.0.2.7", "192.0.2."}}.Match(skeleton))
	require.Equal(t, No, Filter{Client: []string{"192.0.2.7"}, Method: []string{"POST"}}.Match(skeleton), "what is sure decides")
	alert := alert(1, "x", "start")
	alert.Attrs.Delete(func(k string, _ event.Value) bool { return k == event.KeyPath || k == event.KeyTemplate })
	require.Equal(t, No, Filter{Route: []string{"/v1/x"}}.Match(alert), "an alert without a route is about none")
}
