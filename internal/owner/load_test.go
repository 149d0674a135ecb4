package owner

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

func TestYAMLAndCSVSayTheSame(t *testing.T) {
	token := dummyToken()
	fromYAML := parse(t, YAML, `
tokens:
  - sha256: %s
    owner_id: svc-orders
    owner_type: service
    owner_name: Orders
    owner_team: checkout
    owner_contact: "#checkout"
    token_id: "17"
    token_name: orders prod
    token_scopes: [orders.read, orders.write]
    created_at: 2026-01-02
    expires_at: 2027-01-02T00:00:00Z
    revoked_at: 2026-10-01T12:00:00+02:00
`, hexSum(token))
	fromCSV := parse(t, CSV, "sha256,owner_id,owner_type,owner_name,owner_team,owner_contact,token_id,token_name,"+
		"token_scopes,created_at,expires_at,revoked_at\n"+
		"%s,svc-orders,service,Orders,checkout,#checkout,17,orders prod,orders.read orders.write,"+
		"2026-01-02,2027-01-02T00:00:00Z,2026-10-01T12:00:00+02:00\n", base64Sum(token))

	want := map[string]string{
		event.KeyOwnerID: "svc-orders", event.KeyOwnerType: "service", event.KeyOwnerName: "Orders",
		event.KeyOwnerTeam: "checkout", event.KeyOwnerContact: "#checkout", event.KeyTokenID: "17",
		event.KeyTokenName: "orders prod", event.KeyTokenScopes: "orders.read, orders.write",
		event.KeyTokenCreatedAt: "2026-01-02T00:00:00Z", event.KeyTokenExpiresAt: "2027-01-02T00:00:00Z",
		event.KeyTokenRevokedAt: "2026-10-01T10:00:00Z", event.KeyOwnerSource: "file",
		event.KeyOwnerAsOf: "2026-11-23T09:00:00Z",
	}
	for _, d := range []*Directory{fromYAML, fromCSV} {
		require.Equal(t, 1, d.Len())
		got := map[string]string{}
		for _, a := range d.rows[0].Attrs() {
			require.True(t, event.Reserved(a.Key), a.Key)
			got[a.Key] = a.Value.Text()
		}
		require.Equal(t, want, got)
	}
	require.Equal(t, fromYAML.rows[0].Digest, fromCSV.rows[0].Digest)
}

func TestHashSpellings(t *testing.T) {
	token := dummyToken()
	std := base64Sum(token)
	want := parse(t, YAML, "- {sha256: %s, owner_id: a}", hexSum(token)).rows[0].Digest
	for _, spelling := range []string{
		strings.ToUpper(hexSum(token)), "sha256:" + hexSum(token), std, strings.TrimRight(std, "="),
		strings.NewReplacer("+", "-", "/", "_").Replace(std),
	} {
		require.Equal(t, want, parse(t, CSV, "owner_id,sha256\na,%s\n", spelling).rows[0].Digest)
	}
}

func TestEmptyFilesAreEmptyDirectories(t *testing.T) {
	for _, text := range []string{"", "# nobody yet\n", "tokens:\n", "[]\n"} {
		require.Zero(t, parse(t, YAML, "%s", text).Len(), "%q", text)
	}
	for _, text := range []string{"", "\xef\xbb\xbf", "owner_id,sha256\n", "# a comment\nowner_id,sha256\n"} {
		require.Zero(t, parse(t, CSV, "%s", text).Len(), "%q", text)
	}
}

func TestBadRowsAreNamedByLineAndNeverByValue(t *testing.T) {
	canary := dummyToken()
	bad := func(f Format, text, want string) {
		t.Helper()
		_, err := Parse(f, []byte(strings.ReplaceAll(text, "CANARY", canary)), loaded)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), canary)
	}
	bad(YAML, "- {sha256: CANARY, owner_id: a}", "line 1: `sha256` must be 64 hexadecimal digits or the base64 of 32 bytes")
	bad(YAML, "\n- {fingerprint: CANARY, owner_id: a}", "line 2: `fingerprint` must look like kt1_")
	bad(YAML, "- {credential_id: x, owner_id: a, owner_type: CANARY}", "`owner_type` must be user, service or automation")
	bad(YAML, "- {credential_id: x, owner_id: a, revoked_at: CANARY}", "`revoked_at` must be a date or an RFC 3339 time")
	bad(YAML, "- {credential_id: x, owner_id: \"a\\u202eCANARY\"}", "`owner_id` must be printable UTF-8")
	bad(YAML, "- {owner_id: CANARY}", "needs one of `fingerprint`, `sha256` or `credential_id`")
	bad(YAML, "- {credential_id: CANARY}", "needs `owner_id`")
	bad(YAML, "- {CANARY: x}", "line 1: key 1 is not one of created_at, credential_id")
	bad(YAML, "- {owner_id: a, owner_id: CANARY}", "`owner_id` stands twice")
	bad(YAML, "- {credential_id: x, owner_id: [CANARY]}", "`owner_id` must be a plain value")
	bad(YAML, "- {credential_id: x, owner_id: a, token_scopes: [[CANARY]]}", "`token_scopes` must be a list of strings")
	bad(YAML, "- CANARY", "line 1: must be a mapping")
	bad(YAML, "CANARY", "must be a list of rows")
	bad(YAML, "CANARY: []", "must be a list of rows or a mapping with the one key `tokens`")
	bad(YAML, "a: *CANARY", "is not YAML")
	bad(YAML, "- &CANARY {credential_id: x, owner_id: a}\n- *CANARY", "line 2: must be a mapping")
	bad(YAML, "- {credential_id: CANARY, owner_id: a}\n- {credential_id: CANARY, owner_id: b}", "line 2: `credential_id` is that of line 1")
	bad(CSV, "CANARY,owner_id\n", "line 1: column 1 is not one of created_at")
	bad(CSV, "owner_id,owner_id\nCANARY,a\n", "line 1: column `owner_id` stands twice")
	bad(CSV, "sha256,owner_id\nCANARY\n", "line 2: wrong number of fields")
	bad(CSV, "sha256,owner_id\n\"CANARY\"x,a\n", "line 2:")
	bad(CSV, "credential_id,owner_id\n"+strings.Repeat("x,\n", 14), "and 4 more bad rows")
	bad(CSV, "credential_id,owner_id\nx,"+strings.Repeat("CANARY", 40)+"\n", "`owner_id` must be at most 512 bytes")
	bad("toml", "CANARY", "unknown directory format")
}

func TestStateIsThatOfTheMoment(t *testing.T) {
	d := parse(t, YAML, "- {credential_id: x, owner_id: a, expires_at: 2026-03-01, revoked_at: 2026-06-01}")
	state := func(day string) string {
		at, err := time.Parse(time.DateOnly, day)
		require.NoError(t, err)
		return d.rows[0].State(at)
	}
	require.Equal(t, event.StateActive, state("2026-02-28"))
	require.Equal(t, event.StateExpired, state("2026-03-01"))
	require.Equal(t, event.StateRevoked, state("2026-06-01"))
}

func TestLoadRefusesOtherFiles(t *testing.T) {
	path := t.TempDir() + "/owners.json"
	require.NoError(t, os.WriteFile(path, []byte("[]"), 0o600))
	_, err := Load(path, loaded)
	require.EqualError(t, err, `must end in .yaml, .yml or .csv, found "owners.json"`)
	_, err = Load(path+".csv", loaded)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzParse(f *testing.F) {
	f.Add("- {sha256: 00, owner_id: a}", true)
	f.Add("tokens:\n  - credential_id: x\n    owner_id: a\n    token_scopes: [a, b]\n", true)
	f.Add("owner_id,sha256,revoked_at\na,,2026-01-01\n", false)
	f.Add("a: &a [*a]", true)
	f.Add("\"", false)
	f.Fuzz(func(t *testing.T, text string, isYAML bool) {
		format := CSV
		if isYAML {
			format = YAML
		}
		d, err := Parse(format, []byte(text), loaded)
		if err != nil {
			return
		}
		for _, r := range d.rows {
			if err := r.check(); err != nil {
				t.Fatalf("a row in force breaks a rule: %v", err)
			}
		}
	})
}
