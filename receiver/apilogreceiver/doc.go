//go:generate mdatagen metadata.yaml

// Package apilogreceiver takes access logs of API gateways over HTTP, turns each record into one event and seals it: every credential becomes a keyed fingerprint before the event leaves the package, so that its output is
// safe in any pipeline. A 2xx answer means that the next consumer took every accepted record.
//
// A request passes, in this order:
//
//	guard    host, origin, path and method; nothing a caller wrote reaches the server's own spans and metrics
//	(core)   confighttp: TLS, CORS, authentication, body size
//	handler  the source the request is bound to, the body read within its bounds, the slot, the answer
//	intake   split, parse, bound the time, seal, identify, group into one plog.Logs
//
// A second server, capture, takes live requests of gateways. It answers before anything is kept and never fails:
//
//	server   an empty 200, whatever happens behind it
//	queue    bounded in count and bytes; the only place where a live request lies in memory as it was sent
//	worker   batches: the request as a record, then the intake's way from the time on; tries again, drops and counts
package apilogreceiver
