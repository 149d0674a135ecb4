package ownersql

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParametersOutsideQuotesAndComments(t *testing.T) {
	f := func(d Driver, query, want string, params ...string) {
		t.Helper()
		st, err := parse(dialects[d], query)
		require.NoError(t, err, query)
		require.Equal(t, want, st.text)
		require.Equal(t, params, st.params)
	}
	f(Postgres, "SELECT a WHERE h = :sha256 OR i = :credential_id AND h = :sha256 ;\n", "SELECT a WHERE h = $1 OR i = $2 AND h = $3", "sha256", "credential_id", "sha256")
	f(MySQL, "SELECT a WHERE h = :sha256 OR i=:credential_id", "SELECT a WHERE h = ? OR i=?", "sha256", "credential_id")
	f(Postgres, "a::text = :x::text", "a::text = $1::text", "x")
	f(Postgres, "a[1:2], ':a', ':a'':a', \":a\", E'\\':a', 'x\\' = :a", "a[1:2], ':a', ':a'':a', \":a\", E'\\':a', 'x\\' = $1", "a")
	f(Postgres, "-- :a ' \n/* :a /* :b */ ' */ :c", "-- :a ' \n/* :a /* :b */ ' */ $1", "c")
	f(Postgres, "$$ :a ' $$ $t$ $$ :b $t$ x$y :c$z", "$$ :a ' $$ $t$ $$ :b $t$ x$y $1$z", "c")
	f(Postgres, "j ? 'k' AND j @> :x # a", "j ? 'k' AND j @> $1 # a", "x")
	f(MySQL, "'\\':a' `:a` \":a\" # :a\n 5--:b -- :c", "'\\':a' `:a` \":a\" # :a\n 5--? -- :c", "b")
	f(MySQL, "@v := 1, /* /* :a */ :b", "@v := 1, /* /* :a */ ?", "b")
	f(SQLite, "[:a] `:a` '\\' :b", "[:a] `:a` '\\' ?", "b")
	f(SQLite, "SELECT 1 -- :a", "SELECT 1 -- :a")
	f(SQLite, ": :1 a:b", ": :1 a?", "b")
}

func TestRefusedQueries(t *testing.T) {
	f := func(d Driver, query, want string) {
		t.Helper()
		_, err := parse(dialects[d], query)
		require.ErrorContains(t, err, want, query)
	}
	for _, query := range []string{"'a", "\"a", "/* a", "'a''"} {
		f(SQLite, query, "has a quote or comment that does not end")
	}
	f(Postgres, "$t$ $$", "does not end")
	f(Postgres, "/* /* */", "does not end")
	f(SQLite, "[a", "does not end")
	f(MySQL, "a = ?", "must name its parameters like :since, found a '?' outside quotes")
	f(Postgres, "a = $1", "found a '$'")
	f(SQLite, "a = @a", "found a '@'")
	f(SQLite, " ;\n;", "must not be empty")
}

func FuzzStatement(f *testing.F) {
	f.Add("SELECT a::text FROM t WHERE h = :sha256 AND ':x' <> E'\\'' -- :y")
	f.Add("$t$ :a $t$ :b /* /* */ */ `c` [d] # e\n ?")
	f.Fuzz(func(t *testing.T, query string) {
		for name, d := range dialects {
			st, err := parse(d, query)
			if err != nil {
				continue
			}
			again := st.text
			if name != Postgres && len(st.params) == strings.Count(st.text, "?") {
				for _, p := range st.params {
					again = strings.Replace(again, "?", ":"+p, 1)
				}
				if again != strings.TrimRight(strings.TrimSpace(query), "; \t\r\n") {
					t.Fatalf("%s: %q became %q", name, query, st.text)
				}
			}
		}
	})
}
