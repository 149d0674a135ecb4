package tokenownerprocessor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/keytrail/keytrail/internal/owner"
	"github.com/keytrail/keytrail/internal/owner/lookup"
	"github.com/keytrail/keytrail/internal/owner/ownerhttp"
	"github.com/keytrail/keytrail/internal/owner/ownersql"
)

// OwnersConfig says where owners are looked up.
type OwnersConfig struct {
	// File is a directory in a file.
	File configoptional.Optional[OwnerFileConfig] `mapstructure:"file"`
	// SQL is a directory in a database.
	SQL configoptional.Optional[OwnerSQLConfig] `mapstructure:"sql"`
	// HTTP is a directory behind a JSON endpoint.
	HTTP configoptional.Optional[OwnerHTTPConfig] `mapstructure:"http"`
	// Gateway makes owners of what the gateway says of a caller that it let in.
	Gateway []owner.Rule `mapstructure:"gateway"`
	// Claims makes owners of the claims of a JWT that is proven.
	Claims []owner.Rule `mapstructure:"claims"`

	// Order of the sources; the first answer wins, field by field. Sources that it does not name follow.
	Order []string `mapstructure:"order"`

	_ struct{}
}

// OwnerFileConfig is a directory in a file.
type OwnerFileConfig struct {
	// Path of a .yaml, .yml, .csv, .jsonl or .ndjson file.
	Path string `mapstructure:"path"`

	// Interval is how often the file is looked at.
	Interval time.Duration `mapstructure:"interval"`

	_ struct{}
}

// OwnerSQLConfig is a directory in a database. The queries name their columns after the fields of a directory.
type OwnerSQLConfig struct {
	// Driver is postgres, mysql (also for MariaDB) or sqlite.
	Driver ownersql.Driver `mapstructure:"driver"`
	// DSN is the address of the database as its driver writes it, with the password and the TLS settings.
	DSN configopaque.String `mapstructure:"dsn"`

	// Query gives all rows.
	Query string `mapstructure:"query"`
	// UpdatedQuery gives the rows changed since :since; both then return updated_at.
	UpdatedQuery string `mapstructure:"updated_query"`
	// LookupQuery gives the row of one token, by parameters such as :sha256_hex.
	LookupQuery string `mapstructure:"lookup_query"`

	// Interval between two loads.
	Interval time.Duration `mapstructure:"interval"`
	// FullInterval is how often everything is loaded although there is an UpdatedQuery: that shows what was deleted.
	FullInterval time.Duration `mapstructure:"full_interval"`
	// Timeout of a load.
	Timeout time.Duration `mapstructure:"timeout"`

	Lookup LookupConfig `mapstructure:"lookup"`

	_ struct{}
}

// OwnerHTTPConfig is a directory behind a JSON endpoint. Its `endpoint` is the address of the list.
type OwnerHTTPConfig struct {
	confighttp.ClientConfig `mapstructure:",squash"`

	// LookupEndpoint is the address of one token, with placeholders such as {sha256_hex}.
	LookupEndpoint string `mapstructure:"lookup_endpoint"`

	// Rows is the dotted path to the list. Default: the document, or its items, data, results or tokens.
	Rows string `mapstructure:"rows"`
	// Fields maps fields of a directory to dotted paths within a row.
	Fields map[string]string `mapstructure:"fields"`
	// Paging says how the list goes on where no Link header does.
	Paging PagingConfig `mapstructure:"paging"`

	// Interval between two loads.
	Interval time.Duration `mapstructure:"interval"`

	Lookup LookupConfig `mapstructure:"lookup"`

	_ struct{}
}

// PagingConfig says how a list goes on.
type PagingConfig struct {
	CursorField string `mapstructure:"cursor_field"`
	CursorParam string `mapstructure:"cursor_param"`
	PageParam   string `mapstructure:"page_param"`
	ZeroBased   bool   `mapstructure:"zero_based"`

	_ struct{}
}

// LookupConfig bounds the questions about single tokens.
type LookupConfig struct {
	// Keys are what the source answers by. Default for http: the placeholders of its address.
	Keys []string `mapstructure:"keys"`
	// TTL of an answer, NegativeTTL of "not known".
	TTL         time.Duration `mapstructure:"ttl"`
	NegativeTTL time.Duration `mapstructure:"negative_ttl"`
	// MaxStale is how long an answer is shown while the source is down.
	MaxStale time.Duration `mapstructure:"max_stale"`
	// Timeout of one question.
	Timeout time.Duration `mapstructure:"timeout"`
	// Rate is the questions a second, Workers those at a time, Queue those that may wait.
	Rate    float64 `mapstructure:"rate"`
	Workers int     `mapstructure:"workers"`
	Queue   int     `mapstructure:"queue"`
	// MaxBytes of the answers kept.
	MaxBytes int `mapstructure:"max_bytes"`

	_ struct{}
}

// defaultRemoteInterval is how late a revocation may be seen in a directory that is loaded over the network.
const defaultRemoteInterval = time.Minute

func defaultOwners() OwnersConfig {
	l := LookupConfig{
		TTL: lookup.DefaultTTL, NegativeTTL: lookup.DefaultNegativeTTL, MaxStale: lookup.DefaultMaxStale,
		Timeout: lookup.DefaultTimeout, Rate: lookup.DefaultRate, Workers: lookup.DefaultWorkers,
		Queue: lookup.DefaultQueue, MaxBytes: lookup.DefaultMaxBytes,
	}
	client := confighttp.NewDefaultClientConfig()
	client.Timeout = ownerhttp.DefaultTimeout
	return OwnersConfig{
		File: configoptional.Default(OwnerFileConfig{Interval: owner.DefaultInterval}),
		SQL: configoptional.Default(OwnerSQLConfig{
			Interval: defaultRemoteInterval, FullInterval: ownersql.DefaultFullEvery, Timeout: ownersql.DefaultTimeout, Lookup: l,
		}),
		HTTP: configoptional.Default(OwnerHTTPConfig{ClientConfig: client, Interval: defaultRemoteInterval, Lookup: l}),
	}
}

// Validate checks the order and the rules; the sources check themselves.
func (c *OwnersConfig) Validate() error {
	_, gateway := owner.NewRules(owner.Gateway, c.Gateway)
	_, claims := owner.NewRules(owner.Claims, c.Claims)
	return errors.Join(c.checkOrder(), at("gateway", gateway), at("claims", claims))
}

func at(key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("`%s`: %w", key, err)
}

func (c *OwnersConfig) checkOrder() error {
	for i, name := range c.Order {
		switch {
		case !slices.Contains(kindNames[:], name):
			return fmt.Errorf("`order` must be of %s, found %q", strings.Join(kindNames[:], ", "), name)
		case slices.Contains(c.Order[:i], name):
			return fmt.Errorf("`order` must name a source once, found %q again", name)
		case !c.has(name):
			return fmt.Errorf("`order` must name sources that are configured, found %q", name)
		}
	}
	return nil
}

func (c *OwnersConfig) has(name string) bool {
	switch name {
	case kindNames[kindFile]:
		return c.File.HasValue()
	case kindNames[kindSQL]:
		return c.SQL.HasValue()
	case kindNames[kindHTTP]:
		return c.HTTP.HasValue()
	case kindNames[kindGateway]:
		return len(c.Gateway) > 0
	}
	return len(c.Claims) > 0
}

// order returns the configured sources in the order asked. A directory knows more than a name in a claim.
func (c *OwnersConfig) order() []kind {
	var list []kind
	for _, name := range c.Order {
		list = append(list, kind(slices.Index(kindNames[:], name)))
	}
	for o := range kinds {
		if c.has(kindNames[o]) && !slices.Contains(list, o) {
			list = append(list, o)
		}
	}
	return list
}

// Validate checks what does not need the file to be there.
func (c *OwnerFileConfig) Validate() error {
	if c.Path == "" {
		return errors.New("`path` must be set")
	}
	if _, err := owner.FormatOf(c.Path); err != nil {
		return fmt.Errorf("`path` %w", err)
	}
	return checkInterval(c.Interval)
}

func checkInterval(d time.Duration) error {
	if d < time.Second {
		return fmt.Errorf("`interval` must be at least 1s, found %s", d)
	}
	return nil
}

// Validate checks what does not need the database.
func (c *OwnerSQLConfig) Validate() error {
	source := c.source()
	return errors.Join(source.Validate(), checkInterval(c.Interval))
}

func (c *OwnerSQLConfig) source() ownersql.Config {
	return ownersql.Config{
		Driver: c.Driver, DSN: string(c.DSN), Query: c.Query, UpdatedQuery: c.UpdatedQuery, LookupQuery: c.LookupQuery,
		Timeout: c.Timeout, LookupTimeout: c.Lookup.Timeout, FullEvery: c.FullInterval, MaxRows: owner.MaxRows,
	}
}

// Validate checks what does not need the server.
func (c *OwnerHTTPConfig) Validate() error {
	return errors.Join(c.ClientConfig.Validate(), c.source().Validate(), checkInterval(c.Interval))
}

func (c *OwnerHTTPConfig) source() ownerhttp.Config {
	return ownerhttp.Config{
		URL: c.Endpoint, LookupURL: c.LookupEndpoint, Rows: c.Rows, Fields: c.Fields, Timeout: c.Timeout,
		Paging: ownerhttp.Paging{
			CursorField: c.Paging.CursorField, CursorParam: c.Paging.CursorParam,
			PageParam: c.Paging.PageParam, ZeroBased: c.Paging.ZeroBased,
		},
	}
}

// Validate checks the bounds.
func (c *LookupConfig) Validate() error { return c.options(nil).Validate() }

func (c *LookupConfig) options(onStatus func(error)) lookup.Options {
	return lookup.Options{
		Keys: c.Keys, TTL: c.TTL, NegativeTTL: c.NegativeTTL, MaxStale: c.MaxStale, Timeout: c.Timeout,
		Rate: c.Rate, Workers: c.Workers, Queue: c.Queue, MaxBytes: c.MaxBytes, OnStatus: onStatus,
	}
}
