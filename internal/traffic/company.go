package traffic

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"
)

// Kind is how a token's traffic is shaped over the day.
type Kind string

// The archetypes, by who holds the token.
const (
	Person  Kind = "person"  // working hours, sessions of a few minutes
	Service Kind = "service" // around the clock, more by day
	Cron    Kind = "cron"    // at fixed minutes, a fixed number of calls
	CI      Kind = "ci"      // pipelines in working hours, each a short burst
)

// Gateways a token can stand behind.
const (
	Kong  = "kong"
	NGINX = "nginx"
)

// Token is one API token and who holds it.
type Token struct {
	Name         string
	Raw          string // a made-up value; empty where the gateway shows only CredentialID
	CredentialID string // Kong's id of the credential, with Consumer, where the key itself is hidden
	Kind         Kind
	Owner        Owner
	Gateway      string
	Network      string // the first three bytes of its addresses
	Agent        string
	Routes       []Route
	Created      time.Time
	Revoked      time.Time

	rate  float64 // calls, sessions or pipelines an hour, as the kind counts
	phase int     // the minute a cron job starts
}

// Owner is the row an owner directory has for a token.
type Owner struct{ ID, Type, Name, Team, Contact string }

// Route is one endpoint; {id} in the template is filled anew for each call.
type Route struct {
	Method, Template string
	Weight           float64
}

// Company is the cast of the sample traffic.
type Company struct {
	Tokens  []*Token
	Leaked  *Token // the CI token of the incident
	Rotated *Token // revoked in the incident, while one job still uses it
	Fresh   *Token // what replaced it
	seed    uint64
	end     time.Time
}

var (
	first = []string{"Ada", "Ben", "Chloe", "Dmitri", "Esra", "Femi", "Grace", "Hugo", "Ines", "Jun", "Kofi", "Lena"}
	last  = []string{"Marin", "Novak", "Okafor", "Petit", "Quinn", "Rossi", "Sato", "Tanaka", "Usman", "Vega", "Weber", "Young"}
	teams = []string{"payments", "orders", "platform", "data"}
	names = []string{"checkout", "inventory", "billing", "search", "notify", "ledger", "pricing", "shipping", "catalog", "identity", "reports", "gateway-sync"}
	jobs  = []string{"nightly-export", "hourly-sync", "cleanup", "invoice-run", "rate-import", "stock-count", "mail-digest", "backup-check", "fx-rates"}
	repos = []string{"storefront", "mobile-app", "infra", "data-models", "docs-site"}
)

var resources = []string{"orders", "customers", "invoices", "products", "payments", "shipments", "carts", "prices", "stock", "messages"}

// NewCompany makes the cast. Traffic, token lifetimes and the incident end at end.
func NewCompany(seed uint64, end time.Time) *Company {
	c := &Company{seed: seed, end: end.UTC().Truncate(time.Second)}
	rng := c.rng("cast")
	for i := range first {
		c.add(c.person(i, rng))
	}
	for i := range names {
		c.add(c.service(i, rng))
	}
	for i := range jobs {
		c.add(c.cron(i, rng))
	}
	for i := range repos {
		c.add(c.ci(i, rng))
	}
	c.castIncident()
	return c
}

// castIncident picks the leaked CI token, and the cron job whose token is rotated while a copy stays in use.
func (c *Company) castIncident() {
	for _, t := range c.Tokens {
		switch t.Name {
		case "ci-storefront":
			c.Leaked = t
		case "cron-hourly-sync":
			c.Rotated = t
		}
	}
	c.Rotated.Revoked = c.end.Add(-95 * time.Minute)
	fresh := *c.Rotated
	fresh.Name += "-2"
	fresh.Raw = c.raw(fresh.Name)
	fresh.Created, fresh.Revoked = c.Rotated.Revoked, time.Time{}
	c.Fresh = &fresh
	c.add(c.Fresh)
}

func (c *Company) add(t *Token) {
	if t.Created.IsZero() {
		t.Created = c.end.AddDate(0, 0, -200)
	}
	c.Tokens = append(c.Tokens, t)
}

func (c *Company) person(i int, rng *rand.Rand) *Token {
	name := first[i] + " " + last[i]
	id := fmt.Sprintf("u-%03d", i+1)
	return &Token{
		Name: "pat-" + id, Raw: c.raw("pat-" + id), Kind: Person, Gateway: NGINX, rate: 0.8,
		Owner:   Owner{id, "user", name, teams[i%len(teams)], first[i] + "@example.com"},
		Network: fmt.Sprintf("198.51.%d", 20+i), Agent: "curl/8.9.1", Routes: routes(rng, 4),
	}
}

func (c *Company) service(i int, rng *rand.Rand) *Token {
	t := &Token{
		Name: "svc-" + names[i], Kind: Service, Gateway: Kong, rate: 18 + float64(rng.IntN(14)),
		Owner:   Owner{"s-" + names[i], "service", names[i], teams[i%len(teams)], "oncall-" + teams[i%len(teams)] + "@example.com"},
		Network: fmt.Sprintf("10.20.%d", i), Agent: names[i] + "/3." + fmt.Sprint(i), Routes: routes(rng, 5),
	}
	if i%3 == 0 { // key-auth with hide_credentials: Kong logs the credential's id only
		sum := sha256.Sum256([]byte(t.Name))
		h := hex.EncodeToString(sum[:16])
		t.CredentialID = h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:32]
	} else {
		t.Raw = c.raw(t.Name)
	}
	return t
}

func (c *Company) cron(i int, rng *rand.Rand) *Token {
	return &Token{
		Name: "cron-" + jobs[i], Raw: c.raw("cron-" + jobs[i]), Kind: Cron, Gateway: Kong, rate: float64(6 + rng.IntN(10)), phase: 3 + 5*i,
		Owner:   Owner{"a-" + jobs[i], "automation", jobs[i], teams[i%len(teams)], "oncall-" + teams[i%len(teams)] + "@example.com"},
		Network: fmt.Sprintf("10.30.%d", i), Agent: "python-requests/2.32.4", Routes: routes(rng, 2),
	}
}

func (c *Company) ci(i int, rng *rand.Rand) *Token {
	return &Token{
		Name: "ci-" + repos[i], Raw: c.raw("ci-" + repos[i]), Kind: CI, Gateway: Kong, rate: 1.4,
		Owner:   Owner{"a-ci-" + repos[i], "automation", "CI of " + repos[i], teams[i%len(teams)], "oncall-" + teams[i%len(teams)] + "@example.com"},
		Network: "192.0.2", Agent: "gitlab-runner/17.5.0", Routes: routes(rng, 4),
	}
}

// raw makes the value of a token: recognisable to people, of no format that a scanner knows.
func (c *Company) raw(name string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "keytrail sample %d %s", c.seed, name))
	return "ktdemo-" + base64.RawURLEncoding.EncodeToString(sum[:24])
}

func (c *Company) rng(stream string) *rand.Rand {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", c.seed, stream))
	return rand.New(rand.NewChaCha8(sum))
}

func routes(rng *rand.Rand, n int) []Route {
	out := make([]Route, 0, n)
	for _, i := range rng.Perm(len(resources))[:n] {
		r := Route{"GET", "/v1/" + resources[i], 4}
		switch rng.IntN(3) {
		case 0:
			r = Route{"GET", "/v1/" + resources[i] + "/{id}", 6}
		case 1:
			r = Route{"POST", "/v1/" + resources[i], 2}
		}
		out = append(out, r)
	}
	return out
}
