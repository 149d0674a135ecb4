// Package ownerhttp reads a directory of token owners from a JSON endpoint: the whole list page by page, or one token at
// a time by an address made of its hash or id.
//
//	Load  GET url ─► page ─► next page …   next by `Link: rel=next`, by a cursor in the body, or by number
//	      again, with If-None-Match: all pages unchanged ─► nothing to do, else ─► the whole list once more
//	Find  GET https://…/tokens/{sha256_hex} ─► 200 row, 404 not known
//
// The server is trusted to say who owns what and with nothing else. It cannot send the client, which adds credentials to
// each request, to another origin; it cannot make it read without end; and no text of its answers, nor any address with
// its query or a token's hash, gets into an error: what goes wrong has a Reason out of a closed set.
package ownerhttp
