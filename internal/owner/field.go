package owner

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/keytrail/keytrail/internal/fingerprint"
)

// MaxFieldBytes bounds one field of a row, because every event of the token carries it: more than any name, mail
// address or id we have seen.
const MaxFieldBytes = 512

// MaxScopes bounds the scopes of one token, for the same reason.
const MaxScopes = 128

// fields lists what a row may hold, under the same names in every kind of source. Every setter's error names the rule and
// never the value: somebody will paste a raw token into the wrong column.
var fields = map[string]func(*Row, string) error{
	"fingerprint":   setFingerprint,
	"sha256":        setSHA256,
	"credential_id": func(r *Row, s string) error { return setText(&r.CredentialID, s) },
	"jwt_issuer":    func(r *Row, s string) error { return setText(&r.JWTIssuer, s) },
	"jwt_subject":   func(r *Row, s string) error { return setText(&r.JWTSubject, s) },
	"jwt_client_id": func(r *Row, s string) error { return setText(&r.JWTClientID, s) },
	"jwt_id":        func(r *Row, s string) error { return setText(&r.JWTID, s) },
	"token_format":  func(r *Row, s string) error { return setText(&r.TokenFormat, s) },
	"valid_from":    func(r *Row, s string) error { return setTime(&r.ValidFrom, s) },
	"valid_until":   func(r *Row, s string) error { return setTime(&r.ValidUntil, s) },
	"owner_id":      func(r *Row, s string) error { return setText(&r.OwnerID, s) },
	"owner_type":    setOwnerType,
	"owner_name":    func(r *Row, s string) error { return setText(&r.OwnerName, s) },
	"owner_team":    func(r *Row, s string) error { return setText(&r.OwnerTeam, s) },
	"owner_contact": func(r *Row, s string) error { return setText(&r.OwnerContact, s) },
	"token_id":      func(r *Row, s string) error { return setText(&r.TokenID, s) },
	"token_name":    func(r *Row, s string) error { return setText(&r.TokenName, s) },
	"token_scopes":  setScopes,
	"created_at":    func(r *Row, s string) error { return setTime(&r.CreatedAt, s) },
	"expires_at":    func(r *Row, s string) error { return setTime(&r.ExpiresAt, s) },
	"revoked_at":    func(r *Row, s string) error { return setTime(&r.RevokedAt, s) },
	"rotated_at":    func(r *Row, s string) error { return setTime(&r.RotatedAt, s) },
}

// fieldNames is what an error lists where a column or a key is unknown.
var fieldNames = strings.Join(slices.Sorted(maps.Keys(fields)), ", ")

// set fills one field; an empty value leaves it unset, as an empty CSV cell means.
func (r *Row) set(name, value string) error {
	value = strings.TrimSpace(value)
	if value == "" {
		return nil
	}
	if err := fields[name](r, value); err != nil {
		return fmt.Errorf("`%s` %w", name, err)
	}
	return nil
}

func setFingerprint(r *Row, s string) error {
	id, err := fingerprint.ParseID(s)
	if err != nil { // its text may quote what it read
		return errors.New("must look like kt1_ and 32 hexadecimal digits")
	}
	r.Fingerprint = id
	return nil
}

// setSHA256 reads the two forms in which systems store a token's hash: hexadecimal, and base64 in either alphabet,
// padded or not.
func setSHA256(r *Row, s string) error {
	s = strings.TrimPrefix(s, "sha256:")
	b, err := hex.DecodeString(s)
	if err != nil || len(s) != 64 {
		t := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(s), "=")
		b, err = base64.RawStdEncoding.Strict().DecodeString(t)
	}
	if err != nil || len(b) != 32 {
		return errors.New("must be 64 hexadecimal digits or the base64 of 32 bytes")
	}
	r.Digest, r.HasDigest = fingerprint.DigestFromSum([32]byte(b)), true
	return nil
}

func setOwnerType(r *Row, s string) error {
	switch s {
	case "user", "service", "automation":
		r.OwnerType = s
		return nil
	}
	return errors.New("must be user, service or automation")
}

// setScopes splits at commas or white space: the ways in which OAuth and gateways write a list in one field.
func setScopes(r *Row, s string) error {
	list := strings.FieldsFunc(s, func(c rune) bool { return c == ',' || unicode.IsSpace(c) })
	if len(list) > MaxScopes {
		return fmt.Errorf("must hold at most %d scopes, found %d", MaxScopes, len(list))
	}
	for _, scope := range list {
		var t string
		if err := setText(&t, scope); err != nil {
			return err
		}
		r.TokenScopes = append(r.TokenScopes, t)
	}
	return nil
}

func setText(dst *string, s string) error {
	if len(s) > MaxFieldBytes {
		return fmt.Errorf("must be at most %d bytes, found %d", MaxFieldBytes, len(s))
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, hidden) {
		return errors.New("must be printable UTF-8")
	}
	*dst = strings.Clone(s)
	return nil
}

// hidden finds what a terminal or a reader would act on instead of show: control and format characters, of which
// the bidirectional overrides are the dangerous ones.
func hidden(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Cf, c) }

func setTime(dst *time.Time, s string) error {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			*dst = t.UTC()
			return nil
		}
	}
	return errors.New("must be a date or an RFC 3339 time")
}
