// Package gateway turns what API gateways write about a request into an event.Record: it takes the records out of a
// body, tells their formats apart, and has one parser per log format.
//
// A body reaches the records in three steps. Open undoes carriers, the envelopes in which a cloud's delivery service
// sends many records or an encoding of them (Firehose, CloudWatch Logs, Pub/Sub, CloudTrail, Azure), and cuts what is
// in them, or the body itself, into records. A Parser then takes off what shippers put around a single record (a
// container runtime, syslog, Fluent Bit, Vector, Logstash, …), and reads it as its format, or as the one that it
// recognises.
//
// A parsed record is raw: headers, queries and paths still carry the caller's credentials. Whoever calls a Parser
// seals the record (internal/secret) before anything else sees it. The package imports nothing of the Collector.
//
// Every format fills the same draft, and the draft alone decides under which keys an event is written; a format is
// therefore only the knowledge of where a gateway puts its fields and how it says who refused a request.
//
// What else is told of a caller by a proxy, the addresses of X-Forwarded-For and the ids of traceparent, is read here
// for a live capture too: Proxies, Address and Traceparent.
package gateway
