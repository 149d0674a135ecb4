package sealedstorageextension

import "fmt"

// reason is why a stored value did not open; it is the label of the counter.
type reason string

const (
	reasonMalformed  reason = "malformed"
	reasonUnknownKey reason = "unknown_key"
	reasonForged     reason = "forged"
)

var explanations = map[reason]string{
	reasonMalformed:  "it is not a sealed value",
	reasonUnknownKey: "it was sealed with a key that is not in use and not in `previous_keys`",
	reasonForged:     "it was changed, or moved from another place",
}

// openError says of which client a stored value did not open, and why. It tells nothing of the value or its key.
type openError struct {
	client string
	reason reason
}

func (e *openError) Error() string {
	return fmt.Sprintf("a stored value of %s does not open: %s", e.client, explanations[e.reason])
}
