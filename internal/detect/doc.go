// Package detect learns what is normal for each API token and says when something is not: a spike of usage, an
// endpoint never touched before, a revoked or expired token in use.
//
// Time is the time of the events, so three weeks of history replayed in a minute teach as much as three weeks of
// waiting. The state of a token is a record of fixed size without pointers; the number of records is bounded. The
// package knows nothing of the Collector: token_anomaly and `keytrail backtest` both drive it through Engine.
//
//	event ─► seen before? ─► one request? ─► dead token? ─► profile ─► volume, novelty ─► book ─► alerts
//	         (event id)      (request key)   (exact map)    (slab)     (surprisal)        (gates, state)
package detect
