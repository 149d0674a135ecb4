package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/keytrail/keytrail/internal/fingerprint"
	"github.com/keytrail/keytrail/internal/journal"
	"github.com/keytrail/keytrail/internal/seal"
)

// journalKeyVar names the key files of a journal that token_trail seals, the list parted as in $PATH. A flag is not
// offered: who reads a sealed journal by hand does it every day.
const journalKeyVar = "KEYTRAIL_JOURNAL_KEY"

const sealedHint = "name the key file of the collector's journal::encryption in $" + journalKeyVar + ", or pass its key ring with --keyring"

// journalKeys are the keys that may open the journal in dir: those of $KEYTRAIL_JOURNAL_KEY, else those of the key ring.
// A key ring that is not there or cannot be read is no error here: most journals are plain, many who search have no key
// ring, and a segment that stays shut is spoken of when it is met.
func (s *search) journalKeys(dir string) (seal.Keys, error) {
	if dir == "" {
		return nil, nil
	}
	masters, err := journalKeyFiles()
	if err == nil && masters == nil {
		masters, err = s.ringMasters()
	}
	if err != nil || masters == nil {
		return nil, err
	}
	return seal.NewKeys(journal.KeyLabel, masters...)
}

func journalKeyFiles() (masters [][]byte, err error) {
	for _, path := range filepath.SplitList(os.Getenv(journalKeyVar)) {
		if path == "" {
			continue
		}
		key, err := seal.ReadKey(path)
		if err != nil {
			return nil, fmt.Errorf("$%s: %w", journalKeyVar, err)
		}
		masters = append(masters, key)
	}
	return masters, nil
}

// seals reports whether a segment of the journal can be opened only with the key of the epoch: what another ring has
// stamped may lie in it, and would be lost with the key.
func (s *search) seals(epoch int) (bool, error) {
	dir := s.journal
	if dir == "" {
		dir, _ = journalBeside(s.archive)
	}
	if dir == "" {
		return false, nil
	}
	used, err := journal.SealedWith(dir)
	if err != nil || len(used) == 0 {
		return false, err
	}
	ring, err := fingerprint.Load(fingerprint.ResolvePath(s.keyring))
	if err != nil {
		return false, err
	}
	derived, err := ring.Derive(journal.KeyPurpose)
	if err != nil {
		return false, err
	}
	for _, d := range derived {
		key, err := seal.NewKey(journal.KeyLabel, d.Key)
		if err != nil {
			return false, err
		}
		if d.Epoch == epoch && slices.Contains(used, key.ID()) {
			return true, nil
		}
	}
	return false, nil
}

func (s *search) ringMasters() (masters [][]byte, err error) {
	var derived []fingerprint.Derived
	if ring, unread := fingerprint.Load(fingerprint.ResolvePath(s.keyring)); unread == nil {
		derived, err = ring.Derive(journal.KeyPurpose)
	}
	for _, d := range derived {
		masters = append(masters, d.Key)
	}
	return masters, err
}
