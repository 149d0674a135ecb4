package gateway

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
)

// interner makes a value out of a name once and gives the same one back afterwards. Names of fields and headers
// repeat in every record; what is made of them anew would be a third of what a record allocates.
//
// A caller chooses header names, so the table is bounded: once it is full, a new name is made each time and the
// ones that were there first stay. Reading takes no lock.
type interner[V any] struct {
	make func(name string) V
	cap  int

	table atomic.Pointer[map[string]V]
	grow  sync.Mutex
}

// maxInternedName is longer than the names worth keeping.
const maxInternedName = 64

func newInterner[V any](limit int, makeValue func(string) V, seeds ...string) *interner[V] {
	in := &interner[V]{make: makeValue, cap: limit}
	m := make(map[string]V, len(seeds))
	for _, s := range seeds {
		m[s] = makeValue(s)
	}
	in.table.Store(&m)
	return in
}

func (in *interner[V]) get(name string) V {
	if v, ok := (*in.table.Load())[name]; ok {
		return v
	}
	return in.add(strings.Clone(name)) // the name may be part of a record, which the table must not keep alive
}

func (in *interner[V]) getBytes(name []byte) V {
	if v, ok := (*in.table.Load())[string(name)]; ok {
		return v
	}
	return in.add(string(name))
}

func (in *interner[V]) add(name string) V {
	v := in.make(name)
	if len(name) > maxInternedName || len(*in.table.Load()) >= in.cap {
		return v
	}
	in.grow.Lock()
	defer in.grow.Unlock()
	old := *in.table.Load()
	if len(old) >= in.cap {
		return v
	}
	m := maps.Clone(old)
	m[name] = v
	in.table.Store(&m)
	return v
}

// maxInternedNames is several times what one installation's gateways, applications and browsers use between them.
const maxInternedNames = 1024

var (
	headerNames = newInterner(maxInternedNames, newHeaderName, commonHeaders...)
	fieldKeys   = newInterner(maxInternedNames, func(s string) string { return s })
	fieldNames  = newInterner(maxInternedNames, normal)
)

// commonHeaders are the headers of browsers, SDKs, proxies and gateways: no flood of names keeps these out.
var commonHeaders = strings.Fields(`
	accept accept-charset accept-encoding accept-language accept-ranges access-control-allow-credentials
	access-control-allow-headers access-control-allow-methods access-control-allow-origin
	access-control-expose-headers access-control-max-age access-control-request-headers
	access-control-request-method age allow alt-svc api-key apikey authorization baggage cache-control cdn-loop
	cf-connecting-ip cf-ipcountry cf-ray connection content-disposition content-encoding content-language
	content-length content-range content-security-policy content-type cookie date dnt etag expect expires forwarded
	from grpc-encoding grpc-timeout host idempotency-key if-match if-modified-since if-none-match keep-alive
	last-modified link location max-forwards origin pragma priority private-token proxy-authenticate
	proxy-authorization range ratelimit-limit ratelimit-remaining ratelimit-reset referer referrer-policy
	retry-after sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest sec-fetch-mode sec-fetch-site
	sec-fetch-user server set-cookie strict-transport-security te traceparent tracestate trailer transfer-encoding
	true-client-ip upgrade upgrade-insecure-requests user-agent vary via warning www-authenticate
	x-amz-content-sha256 x-amz-date x-amz-security-token x-amzn-trace-id x-api-key x-api-version x-auth-token
	x-b3-parentspanid x-b3-sampled x-b3-spanid x-b3-traceid x-cache x-client-id x-content-type-options
	x-correlation-id x-credential-identifier x-consumer-custom-id x-consumer-groups x-consumer-id
	x-consumer-username x-csrf-token x-envoy-upstream-service-time x-forwarded-for x-forwarded-host
	x-forwarded-path x-forwarded-port x-forwarded-prefix x-forwarded-proto x-forwarded-server x-frame-options
	x-github-api-version x-kong-proxy-latency x-kong-request-id x-kong-response-latency x-kong-upstream-latency
	x-powered-by x-ratelimit-limit x-ratelimit-remaining x-ratelimit-reset x-real-ip x-request-id x-requested-with
	x-runtime x-tenant-id x-vault-token x-xss-protection`)
