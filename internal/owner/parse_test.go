package owner

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/fingerprint"
)

func TestYAMLAndCSVAndJSONLinesSayTheSame(t *testing.T) {
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

	fromJSONL := parse(t, JSONL, `{"sha256":"%s","owner_id":"svc-orders","owner_type":"service","owner_name":"Orders",`+
		`"owner_team":"checkout","owner_contact":"#checkout","token_id":17,"token_name":"orders prod",`+
		`"token_scopes":["orders.read","orders.write"],"created_at":"2026-01-02","expires_at":"2027-01-02T00:00:00Z",`+
		`"revoked_at":"2026-10-01T12:00:00+02:00"}`+"\n\n", hexSum(token))

	day := func(y int, m time.Month, d, h int) time.Time { return time.Date(y, m, d, h, 0, 0, 0, time.UTC) }
	want := Facts{
		Text: [Texts]string{
			"svc-orders", "service", "Orders", "checkout", "#checkout", "17", "orders prod", "orders.read orders.write",
		},
		Moment: [Moments]time.Time{day(2026, 1, 2, 0), day(2027, 1, 2, 0), day(2026, 10, 1, 10)},
	}
	for _, key := range append(TextKeys[:], MomentKeys[:]...) {
		require.True(t, event.Reserved(key), key)
	}
	ring := loadRing(t, newRing(t))
	id := ring.Stamp(fingerprint.Credential, fingerprint.CredentialDigest([]byte(token)))
	for _, d := range []*Directory{fromYAML, fromCSV, fromJSONL} {
		require.Equal(t, 1, d.Len())
		x := NewIndex(d, ring)
		var got Facts
		require.True(t, x.ByID(id, loaded, &got))
		require.Equal(t, want, got)
		require.Equal(t, "file", x.Source())
		require.Equal(t, "2026-11-23T09:00:00Z", x.AsOf())
	}
}

func TestHashSpellings(t *testing.T) {
	token := dummyToken()
	std := base64Sum(token)
	d, err := NewDecoder([]string{"owner_id", "sha256"})
	require.NoError(t, err)
	for _, spelling := range []string{
		strings.ToUpper(hexSum(token)), "sha256:" + hexSum(token), std, strings.TrimRight(std, "="),
		strings.NewReplacer("+", "-", "/", "_").Replace(std),
	} {
		row, err := d.Row([]string{"a", spelling})
		require.NoError(t, err)
		require.Equal(t, fingerprint.CredentialDigest([]byte(token)), row.Digest)
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
	bad(YAML, "- {owner_id: CANARY}", "needs one of `fingerprint`, `sha256`, `credential_id`, `token_format` or a JWT's claims")
	bad(YAML, "- {jwt_subject: CANARY, owner_id: a}", "needs `jwt_issuer`")
	bad(YAML, "- {jwt_issuer: CANARY, owner_id: a}", "`jwt_issuer` needs one of")
	bad(YAML, "- {jwt_issuer: i, jwt_subject: CANARY, jwt_client_id: CANARY, owner_id: a}", "must hold only one of `jwt_subject`")
	bad(YAML, "- {credential_id: x, owner_id: a, valid_from: 2026-02-01, valid_until: 2026-02-01}", "`valid_from` must be before `valid_until`")
	bad(YAML, "- {credential_id: CANARY, owner_id: a, valid_until: 2026-02-02}\n- {credential_id: CANARY, owner_id: b, valid_from: 2026-02-01}",
		"line 2: `credential_id` is that of line 1, and their validity overlaps")
	bad(JSONL, "{\"owner_id\":\"CANARY\"\n", "line 1: is not JSON")
	bad(JSONL, "[\"CANARY\"]\n", "line 1: must be an object")
	bad(JSONL, "\n{\"CANARY\":1}\n", "line 2: key 1 is not one of created_at")
	bad(JSONL, "{\"owner_id\":{\"CANARY\":1}}\n", "`owner_id` must be a plain value")
	bad(JSONL, "{\"owner_id\":\"a\",\"owner_id\":\"CANARY\"}\n", "`owner_id` stands twice")
	bad(JSONL, "{\"token_scopes\":[[\"CANARY\"]]}\n", "`token_scopes` must be a list of strings")
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
	f := Facts{Moment: [Moments]time.Time{
		ExpiresAt: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), RevokedAt: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
	}}
	state := func(day string) string {
		at, err := time.Parse(time.DateOnly, day)
		require.NoError(t, err)
		return f.State(at)
	}
	require.Equal(t, event.StateActive, state("2026-02-28"))
	require.Equal(t, event.StateExpired, state("2026-03-01"))
	require.Equal(t, event.StateRevoked, state("2026-06-01"))
}

func TestLoadRefusesOtherFiles(t *testing.T) {
	path := t.TempDir() + "/owners.json"
	require.NoError(t, os.WriteFile(path, []byte("[]"), 0o600))
	load := func(path string) error {
		_, _, err := NewFile(path).Load(t.Context(), "", func(*Row) error { return nil })
		return err
	}
	require.EqualError(t, load(path), `must end in .yaml, .yml, .csv or .jsonl, found "owners.json"`)
	err := load(path + ".csv")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzParse(f *testing.F) {
	formats := []Format{YAML, CSV, JSONL}
	f.Add("- {sha256: 00, owner_id: a}", uint8(0))
	f.Add("tokens:\n  - credential_id: x\n    owner_id: a\n    token_scopes: [a, b]\n", uint8(0))
	f.Add("a: &a [*a]", uint8(0))
	f.Add("owner_id,credential_id,revoked_at\na,x,2026-01-01\n", uint8(1))
	f.Add("\"", uint8(1))
	f.Add(`{"token_format":"github_pat","owner_id":"a","valid_from":"2026-01-01"}`, uint8(2))
	f.Fuzz(func(t *testing.T, text string, format uint8) {
		rows := 0
		err := readRows(formats[int(format)%len(formats)], []byte(text), func(r *Row) error {
			rows++
			var back Facts
			rd := reader{string(appendRow(nil, r.Line, spanOf(r), new(r.Facts())))}
			_, mask, _ := rd.head()
			rd.facts(mask, &back)
			require.Equal(t, r.OwnerID, back.Text[OwnerID])
			require.Empty(t, rd.s)
			return r.check()
		})
		if d, perr := Parse(formats[int(format)%len(formats)], []byte(text), loaded); perr == nil {
			require.NoError(t, err)
			require.Equal(t, rows, d.Len())
		}
	})
}
