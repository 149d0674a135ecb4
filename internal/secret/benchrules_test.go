package secret

import (
	"fmt"
	"testing"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/redact"
)

// BenchmarkRules is a clean record of 29 attributes, taken string by string as from another receiver, with ever more
// rules: the cost must stay nearly flat.
func BenchmarkRules(b *testing.B) {
	all, err := redact.New(redact.Config{})
	if err != nil {
		b.Fatal(err)
	}
	var list event.Attrs
	list.Add(event.KeyPath, event.String("/v1/orders/123456"))
	list.Add(event.KeyQuery, event.String("page=2&sort=created"))
	list.Add(event.KeyUserAgent, event.String("orders-sync/3.1 (linux)"))
	list.Add(event.KeyServerAddress, event.String("api.example.com"))
	for _, h := range []string{"accept", "accept-encoding", "accept-language", "cache-control", "content-length", "content-type", "host", "origin", "via", "x-forwarded-host", "x-forwarded-proto", "x-request-start", "x-trace", "x-tenant", "x-version"} {
		list.Add(event.PrefixRequestHeader+h, event.String(h+" value of request 17"))
	}
	for _, rules := range []int{0, 10, 50, 200} {
		var o Options
		if rules > 0 {
			set, err := redact.New(redact.Config{Disabled: all.Rules()[min(rules, len(all.Rules())):]})
			if err != nil {
				b.Fatal(err)
			}
			o.Searcher = set
		}
		s := New(fingerprint.Static(testRing(b)), o)
		b.Run(fmt.Sprint(rules), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p := s.Begin(testIssuer)
				for _, a := range list {
					p.Look(a.Key, a.Value.Str())
				}
				for _, a := range list {
					p.ScrubKey(a.Key)
					p.Scrub(a.Key, a.Value.Str())
				}
				p.End()
			}
		})
	}
}
