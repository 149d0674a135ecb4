package event

// Names of the records that are no request and no alert.
const (
	// NameCanary is that of a record with planted tokens: it tests the redaction of a pipeline and is never stored,
	// counted or judged.
	NameCanary = "keytrail.canary"
	// NameRotated says that an owner directory shows a new token in the place of an older one.
	NameRotated = "keytrail.token.rotated"
)

// CanaryPrefix begins every planted token; 32 lower-case hexadecimal digits follow. Behind the redaction nothing may
// begin like it.
const CanaryPrefix = "keytrail_canary_"

// Of a rotation.
const (
	// KeyTokenRotatedFrom is the fingerprint of the token that was replaced, or its credential id where its directory
	// knows no more.
	KeyTokenRotatedFrom = "token.rotated.from"
	// KeyTokenRotatedAt is when the directory says the token was last renewed.
	KeyTokenRotatedAt = "token.rotated_at"
)

// OwnName reports whether a record's name is one that only Keytrail gives.
func OwnName(name string) bool {
	switch name {
	case NameRequest, NameAnomaly, NameCanary, NameRotated:
		return true
	}
	return false
}
