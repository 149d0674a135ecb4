//go:build scenario

package scenarios

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

// duckdbHome holds query.mjs and, after `make servers`, DuckDB's Node package beside it.
const duckdbHome = "../duckdb"

// duckdb runs a query and returns its rows, numbers and times as text where JSON has none for them.
func duckdb(t *testing.T, sql string) []map[string]any {
	t.Helper()
	_, err := os.Stat(filepath.Join(duckdbHome, "node_modules"))
	require.NoError(t, err, "make servers installs it")
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(duckdbHome, "query.mjs"), sql)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err, sql)
	var rows []map[string]any
	for line := range strings.Lines(string(out)) {
		var row map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		rows = append(rows, row)
	}
	return rows
}

// DuckDB reads blocks as they were written and as compaction merged them, by the query that the documents show.
func TestDuckDBReadsTheBlocksUnchanged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "archive")
	b, err := bucket.OpenDir(dir)
	require.NoError(t, err)
	w, err := archive.NewWriter(b, archive.WriterOptions{Writer: "DUCK", Classes: archive.ShippedClasses()})
	require.NoError(t, err)
	day := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -2)
	const events, segments = 3000, 3
	for seq := range segments {
		var records []*event.Record
		for i := seq; i < events; i += segments {
			records = append(records, duckRecord(i, day.Add(time.Duration(i)*time.Second+time.Duration(i)*time.Microsecond)))
		}
		_, err = w.WriteSegment(t.Context(), uint64(seq+1), slices.Values(records))
		require.NoError(t, err)
	}
	requireDuckAgrees(t, dir, events, day)
	requireDocsQueryRuns(t, dir, day)

	r, err := archive.Compact(t.Context(), b, archive.CompactOptions{})
	require.NoError(t, err)
	require.Equal(t, 2*segments, r.Inputs)
	_, err = archive.Sweep(t.Context(), b, time.Now().Add(26*time.Hour)) // after the grace for searches under way
	require.NoError(t, err)
	requireDuckAgrees(t, dir, events, day)
}

func duckRecord(i int, at time.Time) *event.Record {
	r := &event.Record{Name: event.NameRequest, Time: at.UnixNano(), Observed: at.UnixNano(), Severity: 9,
		Scope: event.Scope{Ring: "duck", Epoch: 1, Check: "00000000"}, Classes: []string{"full", "trail"}}
	r.TraceID[15], r.TraceID[14] = byte(i), byte(i>>8)
	r.Resource.Add(event.KeyServiceName, event.String("orders"))
	for k, v := range map[string]event.Value{
		event.KeyEventID: event.String(fmt.Sprintf("%032x", i)), event.KeyFingerprint: event.String(duckToken(i % 100)),
		event.KeyRedaction: event.String(event.RedactionDone), event.KeyMethod: event.String("GET"),
		event.KeyPath: event.String(fmt.Sprintf("/v1/orders/%d", i)), event.KeyStatus: event.Int(int64(200 + i%2*203)),
		event.KeyDuration: event.Double(0.25), "kong.latency.proxy": event.Int(int64(i)),
	} {
		r.Attrs.Add(k, v)
	}
	return r
}

func duckToken(n int) string { return fmt.Sprintf("kt1_%032d", n) }

func requireDuckAgrees(t *testing.T, dir string, events int, day time.Time) {
	t.Helper()
	rows := duckdb(t, fmt.Sprintf(`SELECT class, count(*)::INT AS n, count(DISTINCT keytrail_event_id)::INT AS ids,
		sum(http_response_status_code)::INT AS statuses, min(time)::VARCHAR AS first, count(DISTINCT token_fingerprint)::INT AS tokens
		FROM read_parquet('%s/v1/*/*/*.parquet', hive_partitioning = true) WHERE is_primary GROUP BY class ORDER BY class`, dir))
	require.Len(t, rows, 2)
	for i, class := range []string{"full", "trail"} {
		require.Equal(t, class, rows[i]["class"])
		require.EqualValues(t, events, rows[i]["n"])
		require.EqualValues(t, events, rows[i]["ids"])
		require.EqualValues(t, events/2*200+events/2*403, rows[i]["statuses"])
		require.EqualValues(t, 100, rows[i]["tokens"])
		require.Contains(t, rows[i]["first"], day.Format("2006-01-02 00:00:00"))
	}
	rows = duckdb(t, fmt.Sprintf(`SELECT attrs['kong.latency.proxy']::VARCHAR AS latency FROM read_parquet('%s/v1/class=full/*/*.parquet')
		WHERE url_path = '/v1/orders/17'`, dir))
	require.Len(t, rows, 1)
	require.Contains(t, rows[0]["latency"], "17")
}

// requireDocsQueryRuns runs the query of docs/archive.md with this archive's folder and token.
func requireDocsQueryRuns(t *testing.T, dir string, day time.Time) {
	t.Helper()
	page, err := os.ReadFile("../../docs/archive.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(page), "DuckDB:\n\n```sql\n")
	require.True(t, ok)
	sql, _, _ := strings.Cut(rest, "```")
	for old, with := range map[string]string{"data/archive": dir, "kt1_00000000000000000000000000000000": duckToken(7), "2026-11-01": day.Format(time.DateOnly)} {
		require.Contains(t, sql, old)
		sql = strings.ReplaceAll(sql, old, with)
	}
	rows := duckdb(t, sql)
	require.Len(t, rows, 30)
	require.Equal(t, "/v1/orders/7", rows[0]["url_path"])
}
