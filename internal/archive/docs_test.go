package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func archivePage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/archive.md")
	require.NoError(t, err)
	return string(text)
}

var example = regexp.MustCompile("(?s)<!-- (\\w+) -->\n```json\n(.*?)```")

// Each document that the page shows is one that this package would write: every member known, none left out.
func TestDocumentsOfThePageAreReal(t *testing.T) {
	found := make(map[string]bool)
	for _, m := range example.FindAllStringSubmatch(archivePage(t), -1) {
		name, text := m[1], []byte(m[2])
		found[name] = true
		switch name {
		case "SignedDigest":
			text = requireSigned(t, name, text)
			requireSame(t, name, text, new(digestBody))
		case "SignedReceipt":
			text = requireSigned(t, name, text)
			requireSame(t, name, text, new(Receipt))
		default:
			into, ok := map[string]any{
				"Commit": new(Commit), "Class": new(classDocument), "Epoch": new(Epoch), "Alias": new(Alias), "Mark": new(mark),
				"Lease": new(lease), "Hold": new(Hold), "Tombstone": new(Tombstone),
				"Lifting": new(Lifting),
			}[name]
			require.True(t, ok, name)
			requireSame(t, name, text, into)
		}
	}
	require.Len(t, found, 11)
}

func requireSigned(t *testing.T, name string, text []byte) []byte {
	t.Helper()
	var d signedDocument
	requireSame(t, name, text, &d)
	return d.Body
}

func requireSame(t *testing.T, name string, text []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(into), name)
	again, err := json.Marshal(into)
	require.NoError(t, err)
	require.JSONEq(t, string(text), string(again), name)
}

// The table of the page is the schema, in order.
func TestSchemaOfThePageIsTheSchema(t *testing.T) {
	yes := func(b bool) string {
		if b {
			return "yes"
		}
		return ""
	}
	var want []string
	for i := range columns {
		c := &columns[i]
		key := ""
		if c.key != "" {
			key = "`" + c.key + "`"
		}
		want = append(want, fmt.Sprintf("| `%s` | %s | %s | %s | %s |", c.name, c.node().Type(), key, yes(c.required()), yes(c.bloom)))
	}
	_, rest, ok := strings.Cut(archivePage(t), "| column | type | attribute | required | bloom filter |\n| --- | --- | --- | --- | --- |\n")
	require.True(t, ok)
	table, _, _ := strings.Cut(rest, "| `attrs` |")
	require.Equal(t, strings.Join(want, "\n")+"\n", table)
}
