package owner

import (
	"errors"
	"time"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

// Row is one token of a directory, or all of one kind, and the owner they belong to. Only a Decoder makes rows.
type Row struct {
	Line int // where the row begins in its file; zero where its source has no lines

	Fingerprint  fingerprint.ID     // zero where the row is not keyed by it
	Digest       fingerprint.Digest // the stored SHA-256, in force where HasDigest says so
	HasDigest    bool
	CredentialID string
	// A JWT is named by its issuer and one of the other three.
	JWTIssuer, JWTSubject, JWTClientID, JWTID string
	// TokenFormat makes the row the default of every token of that format that nothing else names.
	TokenFormat string

	// The row holds from ValidFrom until, and without, ValidUntil; zero is unbounded.
	ValidFrom, ValidUntil time.Time

	// AsOf is when the source said so, of a row that came by a Finder.
	AsOf time.Time

	OwnerID, OwnerType, OwnerName, OwnerTeam, OwnerContact string
	TokenID, TokenName                                     string
	TokenScopes                                            []string
	CreatedAt, ExpiresAt, RevokedAt, RotatedAt             time.Time
}

// State says what the token was at a moment, as Facts.State does.
func (r *Row) State(at time.Time) string {
	f := r.Facts()
	return f.State(at)
}

// check applies the rules that need the whole row.
func (r *Row) check() error {
	if err := r.checkKeys(); err != nil {
		return err
	}
	if r.OwnerID == "" {
		return errors.New("needs `owner_id`")
	}
	if !r.ValidFrom.IsZero() && !r.ValidUntil.IsZero() && !r.ValidFrom.Before(r.ValidUntil) {
		return errors.New("`valid_from` must be before `valid_until`")
	}
	return nil
}

func (r *Row) checkKeys() error {
	named := 0
	for _, claim := range []string{r.JWTSubject, r.JWTClientID, r.JWTID} {
		if claim != "" {
			named++
		}
	}
	switch {
	case named > 1: // some would mean all of them, others any, and any gives a user's name to all of a client's tokens
		return errors.New("must hold only one of `jwt_subject`, `jwt_client_id` and `jwt_id`")
	case named == 1 && r.JWTIssuer == "":
		return errors.New("needs `jwt_issuer`: two issuers may use one name")
	case named == 0 && r.JWTIssuer != "":
		return errors.New("`jwt_issuer` needs one of `jwt_subject`, `jwt_client_id` or `jwt_id`")
	}
	if named == 0 && r.Fingerprint.IsZero() && !r.HasDigest && r.CredentialID == "" && r.TokenFormat == "" {
		return errors.New("needs one of `fingerprint`, `sha256`, `credential_id`, `token_format` or a JWT's claims")
	}
	return nil
}

// Holds reports whether the row is in force at a moment, for a row that came by a Finder.
func (r *Row) Holds(at time.Time) bool { return spanOf(r).holds(at) }
