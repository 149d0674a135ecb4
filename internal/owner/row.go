package owner

import (
	"time"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

// Row is one token of the directory and the owner it belongs to.
type Row struct {
	Line int // where the row begins in its file

	Fingerprint  fingerprint.ID     // zero where the row is not keyed by it
	Digest       fingerprint.Digest // the stored SHA-256, in force where HasDigest says so
	HasDigest    bool
	CredentialID string

	OwnerID, OwnerType, OwnerName, OwnerTeam, OwnerContact string
	TokenID, TokenName                                     string
	TokenScopes                                            []string
	CreatedAt, ExpiresAt, RevokedAt                        time.Time

	attrs event.Attrs // what every event of this token carries; built once, shared
}

// State says what the token was at a moment: an event keeps the state of its own time, so that a late record of a
// token revoked since is not a finding.
func (r *Row) State(at time.Time) string {
	switch {
	case !r.RevokedAt.IsZero() && !at.Before(r.RevokedAt):
		return event.StateRevoked
	case !r.ExpiresAt.IsZero() && !at.Before(r.ExpiresAt):
		return event.StateExpired
	}
	return event.StateActive
}

// Attrs returns the owner and token attributes of the row, without its state. The caller must not change them.
func (r *Row) Attrs() event.Attrs { return r.attrs }

func (r *Row) buildAttrs(source string, asOf time.Time) {
	a := make(event.Attrs, 0, 13)
	text := func(key, value string) {
		if value != "" {
			a.Add(key, event.String(value))
		}
	}
	moment := func(key string, t time.Time) {
		if !t.IsZero() {
			a.Add(key, event.String(t.UTC().Format(time.RFC3339)))
		}
	}
	text(event.KeyOwnerID, r.OwnerID)
	text(event.KeyOwnerType, r.OwnerType)
	text(event.KeyOwnerName, r.OwnerName)
	text(event.KeyOwnerTeam, r.OwnerTeam)
	text(event.KeyOwnerContact, r.OwnerContact)
	text(event.KeyTokenID, r.TokenID)
	text(event.KeyTokenName, r.TokenName)
	if len(r.TokenScopes) > 0 {
		a.Add(event.KeyTokenScopes, event.Strings(r.TokenScopes))
	}
	moment(event.KeyTokenCreatedAt, r.CreatedAt)
	moment(event.KeyTokenExpiresAt, r.ExpiresAt)
	moment(event.KeyTokenRevokedAt, r.RevokedAt)
	text(event.KeyOwnerSource, source)
	moment(event.KeyOwnerAsOf, asOf)
	r.attrs = a
}
