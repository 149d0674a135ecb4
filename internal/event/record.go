package event

import "slices"

// Record is one API request, or one alert, outside pdata. Strings own their memory: a Record outlives the body it
// was parsed from.
type Record struct {
	Time     int64 // request start, Unix nanoseconds, UTC
	Observed int64 // arrival, Unix nanoseconds, UTC
	Name     string
	Severity int32 // OpenTelemetry severity number
	TraceID  [16]byte
	SpanID   [8]byte
	Scope    Scope
	Classes  []string // retention classes that want the event; set where it is acknowledged
	Resource Attrs
	Attrs    Attrs
	Auth     Auth // consumed when the record is sealed, never stored
	// Sequence is the number that a gateway counts its requests by, 0 without one; a gap in it is a lost record.
	// It is the receiver's to look at, never stored.
	Sequence uint64
	// Unkept is text of the request that is searched for credentials and never kept, such as a body that the gateway
	// logs. Sealing consumes it.
	Unkept []string
}

// Scope says which key ring and epoch stamped the record.
type Scope struct {
	Ring  string
	Epoch int
	Check string // the epoch's key check value
}

// Auth is what a gateway itself says of the caller it let in, before any of it is fingerprinted.
type Auth struct {
	CredentialID  string // the gateway's id of the credential, such as Kong's authenticated_entity.id
	Kind          string // what CredentialID is: "kong", "apigateway", "mtls", …
	Principal     string // the gateway's stable id of the caller, such as a Kong consumer id
	Authenticated bool   // the gateway states that it accepted the credential
	MTLSSubject   string
	// MTLSFingerprint is the SHA-256 of the client certificate in hexadecimal, for a gateway that gives no subject.
	MTLSFingerprint string
	// MTLSVerified says that the gateway checked the certificate against an authority. Some log the certificates of
	// anybody, whose subject is what the caller wrote into it himself.
	MTLSVerified bool
	// TokenSHA256 is the SHA-256 of the credential, hexadecimal or base64, of a source that keeps only that. It
	// gives the same fingerprint as the credential itself.
	TokenSHA256 string
}

// Reset empties r and keeps its memory.
func (r *Record) Reset() {
	attrs, res, classes, unkept := r.Attrs[:0], r.Resource[:0], r.Classes[:0], r.Unkept[:0]
	clear(r.Attrs)
	clear(r.Resource)
	clear(r.Unkept)
	*r = Record{Attrs: attrs, Resource: res, Classes: classes, Unkept: unkept}
}

// Clone returns a copy that shares no slice with r.
func (r *Record) Clone() Record {
	c := *r
	c.Classes = slices.Clone(r.Classes)
	c.Resource = r.Resource.Clone()
	c.Attrs = r.Attrs.Clone()
	return c
}

// Attr is one attribute.
type Attr struct {
	Key   string
	Value Value
}

// Attrs is a small ordered set of attributes; the look-up is linear, as in pdata.
type Attrs []Attr

// Get returns the value of key.
func (a Attrs) Get(key string) (Value, bool) {
	for i := range a {
		if a[i].Key == key {
			return a[i].Value, true
		}
	}
	return Value{}, false
}

// Str returns the string under key, empty where there is none or it is of another kind.
func (a Attrs) Str(key string) string {
	v, _ := a.Get(key)
	return v.Str()
}

// Int returns the integer under key, 0 where there is none.
func (a Attrs) Int(key string) int64 {
	v, _ := a.Get(key)
	return v.Int()
}

// Double returns the number under key as a double, 0 where there is none.
func (a Attrs) Double(key string) float64 {
	v, _ := a.Get(key)
	return v.Double()
}

// Add appends without looking for an earlier value: for keys the caller knows to be new.
func (a *Attrs) Add(key string, v Value) { *a = append(*a, Attr{key, v}) }

// Set replaces the value of key or appends it.
func (a *Attrs) Set(key string, v Value) {
	for i := range *a {
		if (*a)[i].Key == key {
			(*a)[i].Value = v
			return
		}
	}
	a.Add(key, v)
}

// Delete removes every attribute for which drop says so, keeping the order of the rest.
func (a *Attrs) Delete(drop func(key string, v Value) bool) {
	*a = slices.DeleteFunc(*a, func(at Attr) bool { return drop(at.Key, at.Value) })
}

// Clone returns a copy that shares no slice with a.
func (a Attrs) Clone() Attrs {
	c := slices.Clone(a)
	for i := range c {
		c[i].Value.list = slices.Clone(c[i].Value.list)
	}
	return c
}
