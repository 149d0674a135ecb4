// Package loki gives Grafana Loki its copy of the trail: the hot, searchable, visible one beside the archive.
//
//	record in a class's view → Encode → Entry → Client.Push → Result (delivered, rejected by reason, or to be repeated)
//
// Four labels stand on a stream and no caller of the API chooses them: service_name, deployment_environment,
// retention_class and fp_shard, the last one a 64th of all fingerprints, so that a search for one token reads a 64th of
// the chunks. Everything else is structured metadata: Loki does not index it, and a million tokens cost no stream.
//
// An entry is a function of its record alone. Loki drops one that equals an entry of the block it is filling, and no
// other, so a batch is sent again after any failure, but without what Loki says it has (ledger).
//
// The package also writes the part of Loki's configuration that keeps a class as long as it promises, and asks Loki to
// delete what an erasure removes. It knows nothing of the Collector: whoever makes the http.Client decides about TLS and
// authentication.
package loki
