package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// The two named field sets of a Class; any other entry of Fields is an attribute key, or a prefix that ends in ".*".
const (
	FieldsAll      = "all"
	FieldsSkeleton = "skeleton"
)

// AddressMode says what a class does with the client's address.
type AddressMode string

// The address modes; truncate keeps /24 of IPv4 and /48 of IPv6.
const (
	AddressKeep     AddressMode = "keep"
	AddressTruncate AddressMode = "truncate"
	AddressDrop     AddressMode = "drop"
)

// OwnerMode says what a class does with the owner of the token.
type OwnerMode string

// The owner modes; pseudonym keeps a random alias that erasing the owner removes.
const (
	OwnerKeep      OwnerMode = "keep"
	OwnerPseudonym OwnerMode = "pseudonym"
	OwnerDrop      OwnerMode = "drop"
)

// HeaderMode says whether a class keeps headers.
type HeaderMode string

// The header modes.
const (
	HeadersKeep HeaderMode = "keep"
	HeadersDrop HeaderMode = "drop"
)

// LockMode says whether the objects of a class may be deleted before their time.
type LockMode string

// The lock modes, as object stores name them.
const (
	LockNone       LockMode = "none"
	LockGovernance LockMode = "governance"
	LockCompliance LockMode = "compliance"
)

// UnmarshalText admits the known modes only.
func (m *AddressMode) UnmarshalText(b []byte) error {
	return oneOf(m, b, "client_address", AddressKeep, AddressTruncate, AddressDrop)
}

// UnmarshalText admits the known modes only.
func (m *OwnerMode) UnmarshalText(b []byte) error {
	return oneOf(m, b, "owner", OwnerKeep, OwnerPseudonym, OwnerDrop)
}

// UnmarshalText admits the known modes only.
func (m *HeaderMode) UnmarshalText(b []byte) error {
	return oneOf(m, b, "headers", HeadersKeep, HeadersDrop)
}

// UnmarshalText admits the known modes only.
func (m *LockMode) UnmarshalText(b []byte) error {
	return oneOf(m, b, "lock", LockNone, LockGovernance, LockCompliance)
}

func oneOf[M ~string](m *M, b []byte, key string, allowed ...M) error {
	if !slices.Contains(allowed, M(b)) {
		return fmt.Errorf("`%s` must be one of %q, found %q", key, allowed, b)
	}
	*m = M(b)
	return nil
}

// Class is a view of an event with its own retention: what is kept of it, and for how long. An empty mode takes the
// default of the field set: everything for "all", the pseudonymous form for "skeleton".
type Class struct {
	Name          string        `mapstructure:"name"`
	Keep          time.Duration `mapstructure:"keep"`
	Fields        []string      `mapstructure:"fields"`
	ClientAddress AddressMode   `mapstructure:"client_address"`
	Owner         OwnerMode     `mapstructure:"owner"`
	Headers       HeaderMode    `mapstructure:"headers"`
	Lock          LockMode      `mapstructure:"lock"`
}

const day = 24 * time.Hour

// ShippedClasses returns the classes of the default configuration: everything for a week, who used which token where
// for a season, and what security must be able to look back on for more than a year.
func ShippedClasses() []Class {
	return []Class{
		Class{Name: "full", Keep: 7 * day, Fields: []string{FieldsAll}}.WithDefaults(),
		Class{Name: "trail", Keep: 90 * day, Fields: []string{FieldsSkeleton}}.WithDefaults(),
		Class{Name: "security", Keep: 400 * day, Fields: []string{FieldsSkeleton}}.WithDefaults(),
	}
}

// WithDefaults fills the modes that are empty.
func (c Class) WithDefaults() Class {
	if len(c.Fields) == 0 {
		c.Fields = []string{FieldsSkeleton}
	}
	address, owner, headers := AddressTruncate, OwnerPseudonym, HeadersDrop
	if slices.Contains(c.Fields, FieldsAll) {
		address, owner, headers = AddressKeep, OwnerKeep, HeadersKeep
	}
	c.ClientAddress = orDefault(c.ClientAddress, address)
	c.Owner = orDefault(c.Owner, owner)
	c.Headers = orDefault(c.Headers, headers)
	c.Lock = orDefault(c.Lock, LockNone)
	return c
}

func orDefault[M ~string](m, d M) M {
	if m == "" {
		return d
	}
	return m
}

var className = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// Validate checks what a configuration can get wrong.
func (c Class) Validate() error {
	c = c.WithDefaults()
	if !className.MatchString(c.Name) {
		return fmt.Errorf("`name` must match %s, found %q", className, c.Name)
	}
	if c.Keep < day {
		return fmt.Errorf("`keep` must be at least a day, since retention works by the day, found %s", c.Keep)
	}
	if slices.Contains(c.Fields, FieldsAll) && len(c.Fields) > 1 {
		return fmt.Errorf("`fields` must be %q alone or a list without it, found %q", FieldsAll, c.Fields)
	}
	if c.Lock != LockNone && !c.pseudonymous() {
		return fmt.Errorf("`lock` %q needs a class of the skeleton only: fields [%s], client_address truncate or drop, "+
			"owner pseudonym or drop, headers drop", c.Lock, FieldsSkeleton)
	}
	return nil
}

func (c Class) pseudonymous() bool {
	return len(c.Fields) == 1 && c.Fields[0] == FieldsSkeleton &&
		c.ClientAddress != AddressKeep && c.Owner != OwnerKeep && c.Headers == HeadersDrop
}

// Hash names the class document: what a commit refers to, so that a later change of the configuration does not change
// what was promised for rows already written.
func (c Class) Hash() string {
	sum := sha256.Sum256(c.document())
	return hex.EncodeToString(sum[:8])
}

// classDocument is a class as it stands beside its blocks. Its bytes name it: a change orphans what was written.
type classDocument struct {
	Name          string      `json:"name"`
	Keep          string      `json:"keep"`
	Fields        []string    `json:"fields"`
	ClientAddress AddressMode `json:"client_address"`
	Owner         OwnerMode   `json:"owner"`
	Headers       HeaderMode  `json:"headers"`
	Lock          LockMode    `json:"lock"`
}

func (c Class) document() []byte {
	c = c.WithDefaults()
	b, err := json.Marshal(classDocument{c.Name, c.Keep.String(), c.Fields, c.ClientAddress, c.Owner, c.Headers, c.Lock})
	if err != nil {
		panic(err) // strings always marshal
	}
	return append(b, '\n')
}

func (d classDocument) class() (Class, error) {
	keep, err := time.ParseDuration(d.Keep)
	if err != nil {
		return Class{}, fmt.Errorf("`keep`: %w", err)
	}
	c := Class{d.Name, keep, d.Fields, d.ClientAddress, d.Owner, d.Headers, d.Lock}
	return c, c.Validate()
}

// shortLock covers a block that another one will stand for within a day or so; a full lock on it would keep everything
// twice for as long as the class lasts.
const shortLock = 48 * time.Hour

// lockOf returns the lock of a block of that level and day: short until the day's last merge, then to the end of the
// class.
func (c Class) lockOf(level int, d eventDay, now time.Time) bucket.Lock {
	mode := map[LockMode]bucket.LockMode{LockGovernance: bucket.Governance, LockCompliance: bucket.Compliance}[c.Lock]
	switch {
	case mode == "":
		return bucket.Lock{}
	case level < lastLevel:
		return bucket.Lock{Mode: mode, Until: now.Add(shortLock).UTC()}
	}
	return bucket.Lock{Mode: mode, Until: d.start().Add(day + c.Keep)}
}

// ended reports whether the class keeps nothing of that event day any more: its last moment is older than keep.
func (c Class) ended(d eventDay, now time.Time) bool {
	return !d.start().Add(day + c.Keep).After(now)
}

// rank orders classes by how much of an event they keep; where an event stands in several, the highest is shown.
func (c Class) rank() int {
	c = c.WithDefaults()
	r := len(c.Fields)
	switch {
	case slices.Contains(c.Fields, FieldsAll):
		r = 1 << 20
	case slices.Contains(c.Fields, FieldsSkeleton):
		r += 1 << 10
	}
	r *= 8
	if c.ClientAddress == AddressKeep {
		r += 4
	}
	if c.Owner == OwnerKeep {
		r += 2
	}
	if c.Headers == HeadersKeep {
		r++
	}
	return r
}
