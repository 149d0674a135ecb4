// Package owner holds the directory that says who owns a token: it loads it from a YAML or CSV file, indexes it by
// fingerprint under every live key epoch, finds a row without allocating, and follows the file as it changes.
//
// A row may name its token by the SHA-256 that an identity system stores. That hash is turned into fingerprints
// when the index is built; neither the hash nor a wrong row's text is ever shown.
package owner
