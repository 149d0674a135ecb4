//go:build scenario

package servers

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

const (
	anna  = "anna@example.test"
	ben   = "ben@example.test"
	carol = "carol@example.test"
)

// day of retention.
const day = 24 * time.Hour

// request is one request of an owner, wanted by every class.
func request(n int, at time.Time, owner string, token int) *event.Record {
	r := &event.Record{Name: event.NameRequest, Time: at.UnixNano(), Observed: at.UnixNano(), Severity: 9,
		Scope: event.Scope{Ring: "test", Epoch: 1, Check: "aaaaaaaa"}, Classes: []string{"full", "trail", "security"}}
	r.Resource.Add(event.KeyServiceName, event.String("orders"))
	for _, a := range []event.Attr{
		{Key: event.KeyEventID, Value: event.String(fmt.Sprintf("%032x", n))},
		{Key: event.KeyRedaction, Value: event.String(event.RedactionDone)},
		{Key: event.KeyFingerprint, Value: event.String(fingerprint(token))},
		{Key: event.KeyPrincipal, Value: event.String(fingerprint(token))},
		{Key: event.KeyOwnerID, Value: event.String(owner)},
		{Key: event.KeyMethod, Value: event.String("GET")},
		{Key: event.KeyRoute, Value: event.String("/v1/orders/{id}")},
		{Key: event.KeyStatus, Value: event.Int(200)},
	} {
		r.Attrs = append(r.Attrs, a)
	}
	return r
}

func fingerprint(n int) string {
	return fmt.Sprintf("kt1_%016x%016x", uint64(n+1)*0x9E3779B97F4A7C15, n)
}

// author writes segments into a bucket as a collector does.
type author struct {
	t    *testing.T
	w    *archive.Writer
	next uint64
}

func newAuthor(t *testing.T, b bucket.Bucket, now func() time.Time, classes ...archive.Class) *author {
	t.Helper()
	w, err := archive.NewWriter(b, archive.WriterOptions{Writer: "01JD0000000000000000000000", Classes: classes, Now: now})
	require.NoError(t, err)
	return &author{t: t, w: w}
}

func (a *author) segment(records ...*event.Record) {
	a.t.Helper()
	a.next++
	_, err := a.w.WriteSegment(a.t.Context(), a.next, slices.Values(records))
	require.NoError(a.t, err)
}

func keys(t *testing.T, b bucket.Bucket, prefix string) []string {
	t.Helper()
	var list []string
	for o, err := range b.List(t.Context(), prefix, "") {
		require.NoError(t, err)
		list = append(list, o.Key)
	}
	return list
}

func events(t *testing.T, b bucket.Bucket, s archive.Selection) int {
	t.Helper()
	n := 0
	hits, report := archive.NewReader(b).Search(t.Context(), s)
	for _, err := range hits {
		require.NoError(t, err)
		n++
	}
	require.Empty(t, report.Unreadable)
	return n
}
