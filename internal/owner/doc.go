// Package owner knows who owns a token: it reads the rows of a directory, from a YAML, CSV or JSON Lines file or from
// any Loader, packs them, indexes them by every key an event may carry and under every live key epoch, finds what holds
// at a moment without allocating, and follows the source as it changes. Its rules make an owner of what a gateway or a
// proven claim says, where there is no directory.
//
//	File ─┐
//	SQL  ─┼─ Loader ─► builder ─► table ─┬─► Directory ─► Index ◄─ look-ups
//	HTTP ─┘            (rows)   (base, delta)            (ring)
//
// A row may name its token by the SHA-256 that an identity system stores. That hash is turned into fingerprints
// when the index is built; neither the hash nor a wrong row's text is ever shown.
package owner
