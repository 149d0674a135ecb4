package tokenownerprocessor

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/keytrail/keytrail/internal/owner"
	"github.com/keytrail/keytrail/internal/owner/lookup"
	"github.com/keytrail/keytrail/internal/owner/ownerhttp"
	"github.com/keytrail/keytrail/internal/owner/ownersql"
)

// kind is one kind of source, in the default order. Its name stands on events and metrics.
type kind uint8

const (
	kindFile kind = iota
	kindSQL
	kindHTTP
	kindGateway
	kindClaims
	kinds
)

var kindNames = [kinds]string{"file", "sql", "http", "gateway", "claims"}

// source is one place that knows owners: of rows held in memory, of answers to questions, or of rules.
type source struct {
	kind  kind
	book  *owner.Book   // rows; nil without
	cache *lookup.Cache // answers to questions about what the rows do not know; nil without
	rules *owner.Rules  // of kindGateway and kindClaims
	close func() error  // of what is behind; nil for nothing
}

func (s *source) shutdown() error {
	if s.book != nil {
		s.book.Close()
	}
	if s.cache != nil {
		s.cache.Close()
	}
	if s.close != nil {
		return s.close()
	}
	return nil
}

// opener opens the sources of a configuration.
type opener struct {
	files *files
	cfg   *OwnersConfig
	host  component.Host
	set   component.TelemetrySettings
}

func (o *opener) open() error {
	for _, of := range o.cfg.order() {
		s := &source{kind: of}
		o.files.sources = append(o.files.sources, s) // first, so that a failure closes what is open
		var err error
		switch of {
		case kindFile:
			c := o.cfg.File.Get()
			s.book = owner.Open(o.options(of, owner.NewFile(c.Path), c.Interval))
		case kindSQL:
			err = o.sql(s, o.cfg.SQL.Get())
		case kindHTTP:
			err = o.http(s, o.cfg.HTTP.Get())
		case kindGateway:
			s.rules, err = owner.NewRules(owner.Gateway, o.cfg.Gateway)
		case kindClaims:
			s.rules, err = owner.NewRules(owner.Claims, o.cfg.Claims)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *opener) options(of kind, l owner.Loader, interval time.Duration) owner.Options {
	return owner.Options{
		Source: kindNames[of], Loader: l, Interval: interval, Ring: o.files.keyring.Ring,
		Background: of != kindFile,
		OnReload:   func(rows int, err error) { o.files.ownersRead(of, rows, err) },
		OnRotate:   func(found []owner.Rotation, more int) { o.files.rotated(of, found, more) },
	}
}

func (o *opener) sql(s *source, c *OwnerSQLConfig) error {
	db, err := ownersql.Open(c.source())
	if err != nil {
		return err
	}
	s.close = db.Close
	if c.Query != "" {
		s.book = owner.Open(o.options(s.kind, db, c.Interval))
	}
	if c.LookupQuery != "" {
		return o.ask(s, db, c.Lookup)
	}
	return nil
}

func (o *opener) http(s *source, c *OwnerHTTPConfig) error {
	set := o.set
	set.TracerProvider = noop.NewTracerProvider() // a span of a look-up would show the token's plain hash in its address
	client, err := c.ToClient(context.Background(), o.host.GetExtensions(), set)
	if err != nil {
		return err
	}
	s.close = func() error { client.CloseIdleConnections(); return nil }
	from := c.source()
	from.Client = client
	api, err := ownerhttp.Open(from)
	if err != nil {
		return err
	}
	if api.CanLoad() {
		s.book = owner.Open(o.options(s.kind, api, c.Interval))
	}
	if api.CanFind() {
		l := c.Lookup
		if len(l.Keys) == 0 {
			l.Keys = api.Keys()
		}
		return o.ask(s, api, l)
	}
	return nil
}

func (o *opener) ask(s *source, f owner.Finder, c LookupConfig) (err error) {
	input := kindNames[s.kind] + " look-up"
	s.cache, err = lookup.New(dated{f}, c.options(func(err error) { o.files.health(input, err) }))
	return err
}

// dated notes when a row was found.
type dated struct{ owner.Finder }

func (d dated) Find(ctx context.Context, k owner.Keys) (*owner.Row, error) {
	row, err := d.Finder.Find(ctx, k)
	if row != nil {
		row.AsOf = time.Now()
	}
	return row, err
}

// closeSources ends all of them.
func (f *files) closeSources() error {
	var errs []error
	for _, s := range f.sources {
		errs = append(errs, s.shutdown())
	}
	return errors.Join(errs...)
}
