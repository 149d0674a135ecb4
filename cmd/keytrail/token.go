package main

import (
	"bytes"
	"errors"
	"io"

	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/secret"
)

// maxToken bounds what is read as a searched token; no credential that a gateway takes in a header is longer.
const maxToken = 64 << 10

// readToken reads a token from standard input and returns its fingerprints, newest epoch first. This is the only
// place of the command where a raw token is in memory, and it leaves by no other way.
func readToken(in io.Reader, ring *fingerprint.Ring, issuers []string) ([]fingerprint.ID, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxToken+1))
	defer clear(text)
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxToken:
		return nil, usage("a token is at most %d bytes, standard input holds more", maxToken)
	case len(bytes.TrimSpace(text)) == 0:
		return nil, hint(usageError{errors.New("standard input holds no token")}, "pipe the token in, for example: pbpaste | keytrail trail --token-stdin")
	}
	creds, err := secret.ParseToken(text, issuers...)
	if err != nil {
		return nil, usage("standard input: %w", err)
	}
	var ids []fingerprint.ID
	for _, c := range creds {
		ids = append(ids, ring.Live(c.Kind, c.Digest)...)
	}
	return ids, nil
}
