// Package lookup asks a directory about one token at a time, on a miss, and never makes a record wait for the answer.
//
// It stands between a pipeline that meets a token with every request and a source that bears a few questions a second:
//
//	Get ── known, fresh ───────────────────────────► row
//	   ├── known, older than TTL ──────────────────► row, stale ──┐ asked again beside it
//	   ├── source said "not known", recently ──────► absent       │
//	   ├── source failed for this key, recently ───► unavailable  │
//	   └── new, and its request was answered well ─► pending ─────┤
//	                                                              ▼
//	              bounded queues (known tokens first), one place a key
//	                                                              ▼
//	         workers ── pause after failures ── rate limit ── Finder.Find
//
// The first request of a token goes without its owner and later ones have it. Whoever sends requests chooses the tokens,
// so memory (MaxBytes), waiting keys (Queue) and calls (Rate) are bounded and counted whatever comes in. Entries are
// kept by TinyLFU: a flood of tokens seen once does not drive out those seen every second.
package lookup
