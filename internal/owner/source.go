package owner

import "context"

// Loader gives the rows of a directory: all of them, or what changed since the mark of the last load.
type Loader interface {
	// Load calls row for each row; an error of row ends the load. With since "" it gives everything. full says that
	// the rows replace all earlier ones; otherwise a row replaces those of its keys from its `valid_from` on. A
	// returned mark that is since again, with all rows or with none, means that nothing changed.
	Load(ctx context.Context, since Mark, row func(*Row) error) (Mark, bool, error)
}

// Mark is where a load ended: an ETag, a cursor, the highest updated-at. It is opaque; "" asks for everything.
type Mark string

// Finder answers for one token that no loaded directory knows. Nil without an error means that it is not known there.
type Finder interface {
	Find(ctx context.Context, k Keys) (*Row, error)
}

// Keys are what may name a token. Those of a JWT are set only where its claims are proven.
type Keys struct {
	SHA256                                    [32]byte
	HasSHA256                                 bool
	CredentialID                              string
	JWTIssuer, JWTSubject, JWTClientID, JWTID string
	Fingerprint                               string
}
