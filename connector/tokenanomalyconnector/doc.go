// Package tokenanomalyconnector puts the detectors of internal/detect behind the Collector's pipelines: requests come
// in as log records or spans, alerts go out as log records and their counts as metrics. It never fails a request.
//
// The Collector makes one instance of a connector for each pair of signals. Here they are edges of one state, which
// belongs to their common *Config: of the edges that take one signal in, exactly one feeds the detectors; of those
// that give one signal out, the first that is still alive speaks.
//
//	traces ─┬─► edge (ingests) ──┐              ┌──► metrics
//	        └─► edge             ├─► state ─────┤
//	logs ───┬─► edge (ingests) ──┘   (engine)   └──► logs
//	        └─► edge
package tokenanomalyconnector

//go:generate mdatagen metadata.yaml
