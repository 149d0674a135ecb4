// Package secret is the only place of Keytrail that handles raw credentials: it finds them in what a request says,
// turns them into keyed fingerprints and removes them from every string that leaves the process.
//
// A Sealer works on whole records; a Pass does the same work for any other representation, in three steps:
//
//  1. Look at every string of the request. Credentials are found by place (headers, query, cookies, path, members of
//     nested JSON) and by shape (token formats anywhere).
//  2. Stamp the token attributes: fingerprints, scheme, location, format, claims. Nothing of the credential itself.
//  3. Scrub every string. A string is looked at as it stands and with each layer of percent, JSON, base64 and
//     hexadecimal encoding taken off, to a bounded depth; what is found is cut out of the original text.
//
// All scans are linear in the text: literal triggers first, then hand-written validators, no regular expressions.
// Credentials are held in types that print as [REDACTED] and are dropped when the pass ends.
package secret
