// Package ship sends access logs to a collector's ingest port: it cuts a stream into bodies of whole records, repeats what
// was refused for now, and adds up what the collector says of each body.
package ship
