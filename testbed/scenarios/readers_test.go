//go:build scenario

package scenarios

import (
	"encoding/json"
	"fmt"
	"net/url"
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

// readersHome holds a script for each engine and, after `make servers`, their Node packages beside them.
const readersHome = "../readers"

// The engines that read our blocks, each a script of readersHome.
const (
	duckdb     = "duckdb"
	clickhouse = "clickhouse"
)

// readRows runs a query in an engine and returns its rows, numbers and times as text where JSON has none for them.
func readRows(t *testing.T, engine, sql string) []map[string]any {
	t.Helper()
	_, err := os.Stat(filepath.Join(readersHome, "node_modules"))
	require.NoError(t, err, "make servers installs it")
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(readersHome, engine+".mjs"), sql)
	cmd.Env = append(os.Environ(), "TZ=UTC") // both show times where they are
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

// readEvents in readSegments are what the engines read, of readTokens.
const readEvents, readSegments, readTokens = 3000, 3, 100

// DuckDB reads blocks as they were written and as compaction merged them, by the query that the documents show.
func TestDuckDBReadsTheBlocksUnchanged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "archive")
	b, err := bucket.OpenDir(dir)
	require.NoError(t, err)
	day := writeReadEvents(t, b)
	requireDuckAgrees(t, dir, day)
	requireDuckRunsTheDocument(t, dir, day)

	mergeReadEvents(t, b)
	requireDuckAgrees(t, dir, day)
}

// So does ClickHouse, from a bucket.
func TestClickHouseReadsTheBlocksUnchanged(t *testing.T) {
	_, _, location := bucketFor(t)
	b, err := bucket.Open(t.Context(), location, bucket.Options{})
	require.NoError(t, err)
	day := writeReadEvents(t, b)
	at, err := url.Parse(location)
	require.NoError(t, err)
	blocks := at.Query().Get("endpoint") + "/" + at.Host + at.Path + "/v1"
	requireClickHouseAgrees(t, blocks, day)

	mergeReadEvents(t, b)
	requireClickHouseAgrees(t, blocks, day)
}

// writeReadEvents fills an archive from three segments and returns the day of its events.
func writeReadEvents(t *testing.T, b bucket.Bucket) (day time.Time) {
	t.Helper()
	w, err := archive.NewWriter(b, archive.WriterOptions{Writer: "READ", Classes: archive.ShippedClasses()})
	require.NoError(t, err)
	day = time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -2)
	for seq := range readSegments {
		var records []*event.Record
		for i := seq; i < readEvents; i += readSegments {
			records = append(records, readRecord(i, day.Add(time.Duration(i)*time.Second+time.Duration(i)*time.Microsecond)))
		}
		_, err = w.WriteSegment(t.Context(), uint64(seq+1), slices.Values(records))
		require.NoError(t, err)
	}
	return day
}

// mergeReadEvents leaves one block a class.
func mergeReadEvents(t *testing.T, b bucket.Bucket) {
	t.Helper()
	r, err := archive.Compact(t.Context(), b, archive.CompactOptions{})
	require.NoError(t, err)
	require.Equal(t, 2*readSegments, r.Inputs)
	_, err = archive.Sweep(t.Context(), b, time.Now().Add(26*time.Hour)) // after the grace for searches under way
	require.NoError(t, err)
}

func readRecord(i int, at time.Time) *event.Record {
	r := &event.Record{Name: event.NameRequest, Time: at.UnixNano(), Observed: at.UnixNano(), Severity: 9,
		Scope: event.Scope{Ring: "read", Epoch: 1, Check: "00000000"}, Classes: []string{"full", "trail"}}
	r.TraceID[15], r.TraceID[14] = byte(i), byte(i>>8)
	r.Resource.Add(event.KeyServiceName, event.String("orders"))
	for k, v := range map[string]event.Value{
		event.KeyEventID: event.String(fmt.Sprintf("%032x", i)), event.KeyFingerprint: event.String(readToken(i % readTokens)),
		event.KeyRedaction: event.String(event.RedactionDone), event.KeyMethod: event.String("GET"),
		event.KeyPath: event.String(fmt.Sprintf("/v1/orders/%d", i)), event.KeyStatus: event.Int(int64(200 + i%2*203)),
		event.KeyDuration: event.Double(0.25), "kong.latency.proxy": event.Int(int64(i)),
	} {
		r.Attrs.Add(k, v)
	}
	return r
}

func readToken(n int) string { return fmt.Sprintf("kt1_%032d", n) }

func requireDuckAgrees(t *testing.T, dir string, day time.Time) {
	t.Helper()
	requireClasses(t, day, readRows(t, duckdb, fmt.Sprintf(`SELECT class, count(*)::INT AS n, count(DISTINCT keytrail_event_id)::INT AS ids,
		sum(http_response_status_code)::INT AS statuses, min(time)::VARCHAR AS first, count(DISTINCT token_fingerprint)::INT AS tokens
		FROM read_parquet('%s/v1/*/*/*.parquet', hive_partitioning = true) WHERE is_primary GROUP BY class ORDER BY class`, dir)))
	rows := readRows(t, duckdb, fmt.Sprintf(`SELECT attrs['kong.latency.proxy']::VARCHAR AS latency FROM read_parquet('%s/v1/class=full/*/*.parquet')
		WHERE url_path = '/v1/orders/17'`, dir))
	require.Len(t, rows, 1)
	require.Contains(t, rows[0]["latency"], "17")
}

func requireClickHouseAgrees(t *testing.T, blocks string, day time.Time) {
	t.Helper()
	requireClasses(t, day, readRows(t, clickhouse, fmt.Sprintf(`SELECT class, toInt32(count()) AS n, toInt32(uniqExact(keytrail_event_id)) AS ids,
		toInt32(sum(http_response_status_code)) AS statuses, toString(min(time)) AS first, toInt32(uniqExact(token_fingerprint)) AS tokens
		FROM s3('%s/*/*/*.parquet', 'Parquet') WHERE is_primary GROUP BY class ORDER BY class`, blocks)))
	rows := readRows(t, clickhouse, fmt.Sprintf(`SELECT attrs['kong.latency.proxy'] AS latency FROM s3('%s/class=full/*/*.parquet', 'Parquet')
		WHERE url_path = '/v1/orders/17'`, blocks))
	require.Equal(t, []map[string]any{{"latency": "17"}}, rows)
	rows = readRows(t, clickhouse, documented(t, "ClickHouse", map[string]string{"https://trail.s3.amazonaws.com/prod/v1": blocks}))
	require.Len(t, rows, 1)
	require.Equal(t, day.Format(time.DateOnly), rows[0]["day"])
	require.EqualValues(t, readEvents, rows[0]["requests"])
	require.EqualValues(t, readTokens, rows[0]["tokens"])
}

// requireClasses holds the sums over the blocks of both classes to what was written.
func requireClasses(t *testing.T, day time.Time, rows []map[string]any) {
	t.Helper()
	require.Len(t, rows, 2)
	for i, class := range []string{"full", "trail"} {
		require.Equal(t, class, rows[i]["class"])
		require.EqualValues(t, readEvents, rows[i]["n"])
		require.EqualValues(t, readEvents, rows[i]["ids"])
		require.EqualValues(t, readEvents/2*200+readEvents/2*403, rows[i]["statuses"])
		require.EqualValues(t, readTokens, rows[i]["tokens"])
		require.Contains(t, rows[i]["first"], day.Format("2006-01-02 00:00:00"))
	}
}

func requireDuckRunsTheDocument(t *testing.T, dir string, day time.Time) {
	t.Helper()
	rows := readRows(t, duckdb, documented(t, "DuckDB", map[string]string{"data/archive": dir,
		"kt1_00000000000000000000000000000000": readToken(7), "2026-11-01": day.Format(time.DateOnly)}))
	require.Len(t, rows, readEvents/readTokens)
	require.Equal(t, "/v1/orders/7", rows[0]["url_path"])
}

// documented is the query that docs/archive.md shows for an engine, with this test's values in place of its own.
func documented(t *testing.T, engine string, values map[string]string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/archive.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(page), engine+":\n\n```sql\n")
	require.True(t, ok)
	sql, _, _ := strings.Cut(rest, "```")
	for old, with := range values {
		require.Contains(t, sql, old)
		sql = strings.ReplaceAll(sql, old, with)
	}
	return sql
}
