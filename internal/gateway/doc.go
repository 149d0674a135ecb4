// Package gateway turns what API gateways write about a request into an event.Record: one parser per log format,
// the splitter that cuts a body into records, and the sniffer that tells the formats apart.
//
// A parsed record is raw: headers, queries and paths still carry the caller's credentials. Whoever calls a Parser
// seals the record (internal/secret) before anything else sees it. The package imports nothing of the Collector.
//
// Every format fills the same draft, and the draft alone decides under which keys an event is written; a format is
// therefore only the knowledge of where a gateway puts its fields and how it says who refused a request.
package gateway
