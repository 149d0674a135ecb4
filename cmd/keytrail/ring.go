package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

func loadRing(configured string) (*fingerprint.Ring, error) {
	path := fingerprint.ResolvePath(configured)
	ring, err := fingerprint.Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hint(fmt.Errorf("no key ring at %s", path), "pass --keyring, or make one with: keytrail keys init --keyring "+path)
	}
	return ring, err
}

// readSum reads one SHA-256 in hex or base64, as systems store it in a token's place.
func readSum(in io.Reader, ring *fingerprint.Ring) ([]fingerprint.ID, error) {
	line, err := bufio.NewReader(io.LimitReader(in, 256)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	text := strings.TrimPrefix(strings.TrimSpace(line), "sha256:")
	sum, ok := decodeSum(text)
	if !ok {
		return nil, usage("standard input must hold a SHA-256 in hex (64 digits) or base64 (44 characters), found %d characters", len(text))
	}
	return ring.Live(fingerprint.Credential, fingerprint.DigestFromSum(sum)), nil
}

// decodeSum reads hexadecimal, and base64 in either alphabet, padded or not: the forms that an owner file may have.
func decodeSum(text string) (sum [sha256.Size]byte, ok bool) {
	b, err := hex.DecodeString(text)
	if err != nil {
		text = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
		b, err = base64.RawStdEncoding.Strict().DecodeString(text)
	}
	if err != nil || len(b) != len(sum) {
		return sum, false
	}
	return [sha256.Size]byte(b), true
}

// checkEpochs refuses a search by token whose ring cannot compute the fingerprints of an epoch that is kept: it would
// answer "nothing" for "unknown". An epoch that was destroyed on purpose is only spoken of.
func checkEpochs(held []archive.Epoch, ring *fingerprint.Ring) (warnings []string, err error) {
	for _, e := range held {
		mine, ok := ring.Epoch(e.Epoch)
		switch {
		case e.Ring != ring.ID():
			return nil, hint(fmt.Errorf("the archive was stamped by key ring %s, this one is %s", e.Ring, ring.ID()), "pass the collector's key ring with --keyring")
		case !ok || !mine.Live() && mine.State != fingerprint.StateDestroyed:
			return nil, hint(fmt.Errorf("the archive holds epoch %d, which this key ring cannot search", e.Epoch), "pass the newest key ring with --keyring, or search by --fingerprint or --owner")
		case mine.Check != e.Check:
			return nil, hint(fmt.Errorf("epoch %d has check value %s in the archive, %s in the key ring", e.Epoch, e.Check, mine.Check), "pass the collector's key ring with --keyring")
		case !mine.Live():
			warnings = append(warnings, fmt.Sprintf("the key of epoch %d was destroyed: what it stamped cannot be found by token any more", e.Epoch))
		}
	}
	return warnings, nil
}
