// Package privacy takes out of a record what tells of a person, as far as its operator asks: addresses of clients are
// cut to their network, user agents to their family, e-mail addresses to a keyed pseudonym, and keys are allowed or
// blocked by name, for each deployment environment apart. It changes no credential's fingerprint and no id; it knows
// keys and strings only, so that any representation of a record can be walked with it.
package privacy
