//go:build scenario

package servers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/loki"
	"github.com/keytrail/keytrail/testbed/harness"
)

// One command erases a person from the archive and from Loki, which holds the view of each class, and the receipt says
// that both did.
func TestAnErasureReachesLoki(t *testing.T) {
	server := harness.Loki(t, "")
	dir := t.TempDir()
	b, err := bucket.OpenDir(filepath.Join(dir, "archive"))
	require.NoError(t, err)
	classes := []archive.Class{
		{Name: "full", Keep: 7 * day, Fields: []string{archive.FieldsAll}},
		{Name: "trail", Keep: 90 * day, Fields: []string{archive.FieldsSkeleton}, Owner: archive.OwnerPseudonym},
		{Name: "security", Keep: 90 * day, Fields: []string{archive.FieldsSkeleton}, Owner: archive.OwnerDrop},
	}
	for i := range classes {
		classes[i] = classes[i].WithDefaults()
	}
	start := time.Now().Add(-10 * time.Minute)
	copied(t, b, server, classes, start)
	counts := func(class string) [2]int {
		return [2]int{
			lokiCount(t, server, `{retention_class="`+class+`"} | token_fingerprint="`+fingerprint(1)+`"`, start),
			lokiCount(t, server, `{retention_class="`+class+`"} | token_fingerprint="`+fingerprint(2)+`"`, start),
		}
	}
	for _, c := range classes {
		require.Equal(t, [2]int{20, 20}, counts(c.Name), c.Name)
	}
	_, _, err = harness.Post(server.URL("/flush"), "text/plain", nil)
	require.NoError(t, err)

	command := func(args ...string) harness.Result { return harness.Keytrail(t, dir, "", args...) }
	require.Zero(t, command("archive", "keygen", "--signing-key", "trail.pem", "--archive", "archive").Code)
	erase := []string{"archive", "erase", "--owner", anna, "--archive", "archive", "--signing-key", "trail.pem", "--loki-wait", "100s", "--loki"}

	r := command(append(erase, "http://127.0.0.1:1")...)
	require.Equal(t, 1, r.Code, r.Stdout)
	assert.Contains(t, r.Stderr, "no row was erased yet")
	assert.Equal(t, 60, events(t, b, archive.Selection{Owner: []string{anna}})+20, "the class without an owner is not found by one")
	p, err := archive.Prove(t.Context(), b, time.Now())
	require.NoError(t, err)
	require.Len(t, p.Violations, 1, "what was begun is not forgotten")

	r = command(append(erase, server.URL(""))...)
	require.Zero(t, r.Code, r.Stderr)
	id := receiptOf.FindStringSubmatch(r.Stdout)
	require.NotNil(t, id, r.Stdout)
	receipt, err := archive.ReadReceipt(t.Context(), b, id[1])
	require.NoError(t, err)
	require.Len(t, receipt.Copies, 3, "one request a class")
	for _, c := range receipt.Copies {
		assert.Equal(t, archive.CopyProcessed, c.State, "%s %s", c.Class, c.ID)
	}
	assert.NotContains(t, r.Stdout, "was not asked")

	server.Kill()
	server.Start()
	for _, c := range classes {
		assert.Equal(t, [2]int{0, 20}, counts(c.Name), c.Name)
	}
}

// copied stores twenty requests of each of two people, and sends Loki the view of each class.
func copied(t *testing.T, b bucket.Bucket, server *harness.Server, classes []archive.Class, start time.Time) {
	t.Helper()
	var records []*event.Record
	for i := range 40 {
		records = append(records, request(i, start.Add(time.Duration(i)*time.Second), []string{anna, ben}[i%2], 1+i%2))
	}
	newAuthor(t, b, time.Now, classes...).segment(records...)
	client, err := loki.NewClient(loki.Config{Endpoint: server.URL("")}, &http.Client{Timeout: 30 * time.Second})
	require.NoError(t, err)
	viewer := archive.NewViewer(b, classes)
	var entries []loki.Entry
	for _, c := range classes {
		for _, r := range records {
			view := r.Clone()
			require.NoError(t, viewer.View(t.Context(), c.Name, &view))
			entries = append(entries, loki.Encode(&view, c.Name))
		}
	}
	result, err := client.Push(t.Context(), entries)
	require.NoError(t, err)
	require.Equal(t, len(entries), result.Delivered)
}

func lokiCount(t *testing.T, s *harness.Server, query string, since time.Time) int {
	t.Helper()
	params := url.Values{"query": {query}, "start": {strconv.FormatInt(since.Add(-time.Minute).UnixNano(), 10)},
		"end": {strconv.FormatInt(time.Now().Add(time.Minute).UnixNano(), 10)}, "limit": {"5000"}}
	var answer struct {
		Data struct {
			Result []struct {
				Values [][]any `json:"values"`
			} `json:"result"`
		} `json:"data"`
	}
	require.NoError(t, json.Unmarshal([]byte(harness.Get(t, s.URL("/loki/api/v1/query_range?"+params.Encode()))), &answer), fmt.Sprint(params))
	n := 0
	for _, r := range answer.Data.Result {
		n += len(r.Values)
	}
	return n
}
