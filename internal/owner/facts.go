package owner

import (
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/event"
)

// Field is one text that a directory says of a token or its owner.
type Field uint8

// The texts. Those of the owner come first: see Facts.Fill.
const (
	OwnerID Field = iota
	OwnerType
	OwnerName
	OwnerTeam
	OwnerContact
	TokenID
	TokenName
	TokenScopes // separated by spaces
	Texts

	ownerTexts = OwnerContact + 1
)

// TextKeys are the attributes of the texts.
var TextKeys = [Texts]string{
	event.KeyOwnerID, event.KeyOwnerType, event.KeyOwnerName, event.KeyOwnerTeam, event.KeyOwnerContact,
	event.KeyTokenID, event.KeyTokenName, event.KeyTokenScopes,
}

// Moment is one point in the life of a token.
type Moment uint8

// The moments.
const (
	CreatedAt Moment = iota
	ExpiresAt
	RevokedAt
	RotatedAt
	Moments
)

// MomentKeys are the attributes of the moments.
var MomentKeys = [Moments]string{
	event.KeyTokenCreatedAt, event.KeyTokenExpiresAt, event.KeyTokenRevokedAt, event.KeyTokenRotatedAt,
}

// Facts are what directories say of one token. An empty text and a zero time say nothing.
type Facts struct {
	Text   [Texts]string
	Moment [Moments]time.Time
}

// State says what the token was at a moment: an event keeps the state of its own time, so that a late record of a
// token revoked since is not a finding.
func (f *Facts) State(at time.Time) string {
	passed := func(m Moment) bool { return !f.Moment[m].IsZero() && !at.Before(f.Moment[m]) }
	switch {
	case passed(RevokedAt):
		return event.StateRevoked
	case passed(ExpiresAt):
		return event.StateExpired
	}
	return event.StateActive
}

// ExpiresInDays returns the whole days from at until the token expires, negative where it has, and whether it does.
func (f *Facts) ExpiresInDays(at time.Time) (int64, bool) {
	if f.Moment[ExpiresAt].IsZero() {
		return 0, false
	}
	const day = 24 * 60 * 60 // in seconds: the span of two times may not fit in a Duration
	left := f.Moment[ExpiresAt].Unix() - at.Unix()
	if left < 0 {
		left -= day - 1 // downwards: a token that expired an hour ago has not zero days left
	}
	return left / day, true
}

// Fill takes from g, the answer of a source asked later, what f does not say yet. The owner's fields are taken only
// where both name the same owner, or f none: an owner is not made of two.
func (f *Facts) Fill(g *Facts) {
	first := Field(0)
	if f.Text[OwnerID] != "" && f.Text[OwnerID] != g.Text[OwnerID] {
		first = ownerTexts
	}
	for i := first; i < Texts; i++ {
		if f.Text[i] == "" {
			f.Text[i] = g.Text[i]
		}
	}
	for i := range f.Moment {
		if f.Moment[i].IsZero() {
			f.Moment[i] = g.Moment[i]
		}
	}
}

// keepOwner leaves of f what it says of the owner.
func (f *Facts) keepOwner() {
	clear(f.Text[ownerTexts:])
	f.Moment = [Moments]time.Time{}
}

// Facts returns what the row says of its token.
func (r *Row) Facts() Facts {
	return Facts{
		Text: [Texts]string{
			r.OwnerID, r.OwnerType, r.OwnerName, r.OwnerTeam, r.OwnerContact,
			r.TokenID, r.TokenName, strings.Join(r.TokenScopes, " "),
		},
		Moment: [Moments]time.Time{r.CreatedAt, r.ExpiresAt, r.RevokedAt, r.RotatedAt},
	}
}
