package ownersql

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/owner"
)

func TestConfig(t *testing.T) {
	canary := dummyToken()
	bad := func(want string, c Config) {
		t.Helper()
		err := c.Validate()
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), canary)
		_, opened := Open(c)
		require.EqualError(t, opened, err.Error())
	}
	good := Config{Driver: Postgres, DSN: "postgres://u:" + canary + "@h/d", Query: "SELECT 1"}
	with := func(change func(*Config)) Config { c := good; change(&c); return c }
	require.NoError(t, good.Validate())
	bad("`driver` must be postgres, mysql or sqlite", with(func(c *Config) { c.Driver = "oracle" }))
	bad("`dsn` must be set", with(func(c *Config) { c.DSN = "" }))
	bad("`dsn` is not one that the postgres driver reads", with(func(c *Config) { c.DSN = "postgres://u:" + canary + "@h:port/d" }))
	bad("`dsn` is not one that the mysql driver reads", with(func(c *Config) { c.Driver = MySQL }))
	bad("`dsn` is not one that the sqlite driver reads", with(func(c *Config) { c.Driver, c.DSN = SQLite, canary+"?a=%zz" }))
	bad("`query` or `lookup_query` must be set", with(func(c *Config) { c.Query = "" }))
	bad("`updated_query` needs `query`", with(func(c *Config) { c.Query, c.UpdatedQuery, c.LookupQuery = "", "a > :since", "a = :sha256" }))
	bad("`query` takes no parameters, found :since", with(func(c *Config) { c.Query = "SELECT :since" }))
	bad("`updated_query` must use :since", with(func(c *Config) { c.UpdatedQuery = "SELECT 1" }))
	bad("`updated_query` knows the one parameter :since", with(func(c *Config) { c.UpdatedQuery = "SELECT :sha256" }))
	bad("`lookup_query` must use one of :credential_id, :fingerprint, :jwt_client_id", with(func(c *Config) { c.LookupQuery = "SELECT 1" }))
	bad("`lookup_query` knows the parameters :credential_id,", with(func(c *Config) { c.LookupQuery = "SELECT :token" }))
	bad("`query` must be at most 65536 bytes", with(func(c *Config) { c.Query = strings.Repeat(" ", maxQueryBytes) + "SELECT 1" }))
	bad("`timeout` must not be negative, found -1s", with(func(c *Config) { c.Timeout = -time.Second }))
	bad("`max_rows` and `max_connections` must not be negative", with(func(c *Config) { c.MaxRows = -1 }))
}

func TestDriverNames(t *testing.T) {
	var d Driver
	require.NoError(t, d.UnmarshalText([]byte("mysql")))
	require.Equal(t, MySQL, d)
	require.EqualError(t, d.UnmarshalText([]byte("mssql")), "must be postgres, mysql or sqlite")
}

func TestServersAreToldTheTime(t *testing.T) {
	require.Equal(t, "SET LOCAL statement_timeout = 1500", postgresLimit(1500*time.Millisecond))
	require.Equal(t, "SET @keytrail = 1 /*M!100100 , SESSION max_statement_time = 1.500 */ /*!50708 , SESSION max_execution_time = 1500 */",
		mysqlLimit(1500*time.Millisecond))
}

func TestArraysAsText(t *testing.T) {
	for in, want := range map[string]string{
		"{}": "", "{a}": "a", `{a,"b c"}`: "a\nb c", `{"a\"b","{x}"}`: "a\"b\n{x}", `{a\,b}`: "a,b",
	} {
		got, err := arrayText(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got)
	}
	for _, in := range []string{"", "a", "{", "{{a},{b}}", "[0:1]={a,b}"} {
		_, err := arrayText(in)
		require.Error(t, err, in)
	}
}

func FuzzText(f *testing.F) {
	f.Add("token_scopes", `["a","b"]`, true)
	f.Add("expires_at", "1e300", false)
	f.Add("sha256", "00", false)
	f.Fuzz(func(t *testing.T, column, value string, array bool) {
		for _, v := range []any{value, []byte(value)} {
			if s, err := text(column, v, array); err == nil && len(s) > 2*len(value)+64 {
				t.Fatalf("%d bytes became %d", len(value), len(s))
			}
		}
		_, _, _ = stampOf(value)
		if m, ok := readMark(owner.Mark(value)); ok {
			if again, ok := readMark(owner.Mark(m.String())); !ok || again != m {
				t.Fatalf("%q is read as %v and then as %v", value, m, again)
			}
			m.high.before(DefaultOverlap)
		}
	})
}
