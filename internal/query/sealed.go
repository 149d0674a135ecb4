package query

import (
	"errors"
	"fmt"

	"github.com/keytrail/keytrail/internal/journal"
)

// SealedError says that a part of the journal is sealed with a key that was not given. It is one error for all such
// segments: an archive that was out of reach for an hour leaves dozens of them, and their numbers help nobody.
type SealedError struct {
	Segments int
	first    error
}

func (e *SealedError) Error() string {
	if e.Segments == 1 {
		return e.first.Error()
	}
	return fmt.Sprintf("%v, and %d more like it", e.first, e.Segments-1)
}

// Unwrap gives journal.ErrNoKey.
func (e *SealedError) Unwrap() error { return e.first }

// missed notes what could not be read of the journal.
func (r *Report) missed(err error) {
	if !errors.Is(err, journal.ErrNoKey) {
		r.Unreadable = append(r.Unreadable, err)
		return
	}
	for _, known := range r.Unreadable {
		if sealed, ok := errors.AsType[*SealedError](known); ok {
			sealed.Segments++
			return
		}
	}
	r.Unreadable = append(r.Unreadable, &SealedError{1, err})
}
