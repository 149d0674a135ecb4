package archive

import (
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

const (
	anna = "anna@example.test"
	ben  = "ben@example.test"
)

func newSigner(t testing.TB) *Signer {
	t.Helper()
	s, err := CreateSigner(filepath.Join(t.TempDir(), "key.pem"))
	require.NoError(t, err)
	return s
}

// owned is a request of an owner.
func owned(n int, at time.Time, owner string, token int) *event.Record {
	r := request(n, at, fp(token))
	r.Attrs.Set(event.KeyOwnerID, event.String(owner))
	r.Attrs.Set(event.KeyPrincipal, event.String(fp(token)))
	return r
}

// store is a directory that takes locked objects, and keeps them no better than others.
type store struct{ *bucket.Directory }

func (s *store) Put(ctx context.Context, key string, data io.Reader, size int64, o bucket.PutOptions) error {
	o.Lock = bucket.Lock{}
	return s.Directory.Put(ctx, key, data, size, o)
}

// town is an archive in which two people used the same week; every class keeps every event.
func town(t testing.TB, classes ...Class) (*store, *Writer) {
	t.Helper()
	if classes == nil {
		classes = ShippedClasses()
	}
	b := &store{openTemp(t)}
	w, err := NewWriter(b, WriterOptions{Writer: writerA, Classes: classes, Now: func() time.Time { return today }})
	require.NoError(t, err)
	for day := range 3 {
		var records []*event.Record
		for i := range 40 {
			owner, token := anna, 1
			if i%4 != 0 {
				owner, token = ben, 2
			}
			r := owned(day*100+i, today.Add(-time.Duration(day)*24*time.Hour-time.Duration(i)*time.Minute), owner, token)
			r.Classes = []string{"full", "trail", "security"}
			records = append(records, r)
		}
		write(t, w, uint64(day+1), records...)
	}
	return b, w
}

func erase(t testing.TB, b bucket.Bucket, o EraseOptions) *EraseReport {
	t.Helper()
	o.Now, o.By = today, "a test"
	if o.Signer == nil {
		o.Signer = newSigner(t)
	}
	r, err := Erase(t.Context(), b, o)
	require.NoError(t, err)
	return r
}

func eventsOf(t testing.TB, b bucket.Bucket, s Selection) []string {
	t.Helper()
	list := ids(find(t, b, s))
	slices.Sort(list)
	return list
}

func TestErasingAnOwnerTakesHisRowsAndNobodyElses(t *testing.T) {
	b, _ := town(t)
	before := eventsOf(t, b, Selection{Owner: []string{ben}})
	require.Len(t, eventsOf(t, b, Selection{Owner: []string{anna}}), 3*3*10)
	signer := newSigner(t)

	dry := erase(t, b, EraseOptions{Owner: anna, DryRun: true})
	assert.EqualValues(t, 90, dry.Rows)
	assert.Len(t, dry.Touched, 9)
	assert.Empty(t, list(t, b, erasePrefix), "a dry run changes nothing")

	r := erase(t, b, EraseOptions{Owner: anna, Signer: signer, Reason: "request 7"})
	assert.EqualValues(t, 90, r.Rewritten.Dropped)
	assert.EqualValues(t, 270, r.Rewritten.RowsOut)
	assert.EqualValues(t, 360, r.Rewritten.RowsIn)
	assert.Zero(t, r.Left)
	assert.Equal(t, AliasRemoved, r.Alias)

	assert.Empty(t, eventsOf(t, b, Selection{Owner: []string{anna}}))
	assert.Empty(t, eventsOf(t, b, Selection{Fingerprints: []string{fp(1)}}))
	assert.Equal(t, before, eventsOf(t, b, Selection{Owner: []string{ben}}), "neighbours' rows stay")
	for _, k := range list(t, b, dataPrefix) {
		assert.False(t, slices.ContainsFunc(r.Touched, func(x TouchedBlock) bool { return x.Key == k }), "%s is deleted at once", k)
	}

	receipt, err := ReadReceipt(t.Context(), b, r.ID)
	require.NoError(t, err)
	assert.EqualValues(t, 90, receipt.Rows)
	assert.EqualValues(t, 270, receipt.RowsKept)
	assert.Zero(t, receipt.RowsLeft)
	assert.Equal(t, "request 7", receipt.Reason)
	requireNowhere(t, b, anna)
}

// requireNowhere looks for text in every object of the archive.
func requireNowhere(t *testing.T, b bucket.Bucket, text string) {
	t.Helper()
	for _, k := range list(t, b, "") {
		data, err := b.GetRange(t.Context(), k, 0, -1)
		require.NoError(t, err)
		require.NotContains(t, string(data), text, "%s", k)
	}
}

func TestAnErasureOfATokenTakesTheWholeEventUnderEachOfItsFingerprints(t *testing.T) {
	b := openTemp(t)
	w := newTestWriter(t, b)
	two := owned(1, today, anna, 1)
	two.Attrs.Add(event.KeyOthers, event.Strings([]string{fp(9) + " header.x-api-key api_key"}))
	later := owned(2, today, anna, 3)
	later.Attrs.Set(event.KeyFingerprint, event.String("kt2_"+strings.Repeat("c", 32)))
	later.Attrs.Set(event.KeyFingerprintPrev, event.String(fp(9)))
	write(t, w, 1, two, later, owned(3, today, ben, 2), owned(4, today, anna, 1))

	r := erase(t, b, EraseOptions{Fingerprint: fp(9)})
	assert.EqualValues(t, 6, r.Rewritten.Dropped, "two rows of the first event and one of the second, in two classes")
	assert.Equal(t, []string{"full 4", "full 5", "trail 4", "trail 5"}, eventsOf(t, b, Selection{}))
}

func TestAnErasureOfAPrincipal(t *testing.T) {
	b, _ := town(t)
	r := erase(t, b, EraseOptions{Principal: fp(1)})
	assert.EqualValues(t, 90, r.Rewritten.Dropped)
	assert.Equal(t, AliasNone, r.Alias, "the owner may have other tokens")
	assert.Empty(t, eventsOf(t, b, Selection{Principal: []string{fp(1)}}))
	assert.Len(t, eventsOf(t, b, Selection{}), 270)
}

func TestAnErasureIsCheckedBeforeItDestroys(t *testing.T) {
	b, _ := town(t)
	signer := newSigner(t)
	for name, o := range map[string]EraseOptions{
		"nobody":               {Signer: signer},
		"two":                  {Owner: anna, Principal: fp(1), Signer: signer},
		"part of fingerprint":  {Fingerprint: "kt1_0123456789", Signer: signer},
		"not yet":              {Owner: anna, Until: today.Add(time.Hour), Signer: signer},
		"no key for a receipt": {Owner: anna},
	} {
		o.Now = today
		_, err := Erase(t.Context(), b, o)
		require.Error(t, err, name)
		assert.NotContains(t, err.Error(), "0123456789", "what may be a token is not repeated")
	}
	_, err := Erase(t.Context(), b, EraseOptions{Owner: "nobody@example.test", Now: today, Signer: signer})
	require.ErrorIs(t, err, ErrNothingToErase)
	assert.Empty(t, list(t, b, erasePrefix))
	assert.Len(t, eventsOf(t, b, Selection{}), 360)
}

func TestAHoldOutranksAnErasure(t *testing.T) {
	b, _ := town(t)
	require.NoError(t, AddHold(t.Context(), b, Hold{ID: "case-1", Reason: "a case", By: "a test", Owner: []string{anna},
		Since: today.Add(-24 * time.Hour), Created: today}))
	held := eventsOf(t, b, Selection{Owner: []string{anna}, Since: today.Add(-24 * time.Hour)})
	require.NotEmpty(t, held)

	r := erase(t, b, EraseOptions{Owner: anna})
	assert.Equal(t, AliasHeld, r.Alias)
	assert.Equal(t, held, eventsOf(t, b, Selection{Owner: []string{anna}}))
	i := slices.IndexFunc(r.Stays, func(s Remainder) bool { return s.Why == StaysHeld })
	require.GreaterOrEqual(t, i, 0)
	assert.Equal(t, "case-1", r.Stays[i].What)
	assert.EqualValues(t, len(held), r.Stays[i].Rows)

	require.NoError(t, LiftHold(t.Context(), b, Lifting{ID: "case-1", By: "a test", Reason: "settled", Lifted: today}))
	erase(t, b, EraseOptions{Owner: anna})
	assert.Empty(t, eventsOf(t, b, Selection{Owner: []string{anna}}))
	requireNowhere(t, b, anna)
}

func TestRowsOfALockedClassStayWithoutTheirOwner(t *testing.T) {
	classes := ShippedClasses()
	classes[2].Lock = LockGovernance
	b, _ := town(t, classes...)
	r := erase(t, b, EraseOptions{Owner: anna})
	assert.EqualValues(t, 60, r.Rewritten.Dropped)
	i := slices.IndexFunc(r.Stays, func(s Remainder) bool { return s.Why == StaysLocked })
	require.GreaterOrEqual(t, i, 0)
	assert.Equal(t, "security", r.Stays[i].What)
	assert.EqualValues(t, 30, r.Stays[i].Rows)
	assert.NotNil(t, r.Stays[i].Until)
	assert.Empty(t, eventsOf(t, b, Selection{Owner: []string{anna}}), "nothing links them to her")
	assert.Len(t, eventsOf(t, b, Selection{Fingerprints: []string{fp(1)}}), 30)
	requireNowhere(t, b, anna)
}

func TestATombstoneReachesWhatStillLiesInAJournal(t *testing.T) {
	b, w := town(t)
	erase(t, b, EraseOptions{Owner: anna})
	c := write(t, w, 4, owned(500, today.Add(-time.Minute), anna, 1), owned(501, today.Add(time.Second), anna, 1), owned(502, today, ben, 2))
	assert.EqualValues(t, 1, c.Erased)
	assert.Equal(t, []string{"full 1f6", "trail 1f6"}, eventsOf(t, b, Selection{Owner: []string{anna}}),
		"what she does afterwards is a new trail")
}

func TestAnErasureThatWasCutOffIsDoneAgain(t *testing.T) {
	b, _ := town(t)
	stone := Tombstone{Version: tombstoneVersion, ID: "20261101T000000Z-00", Kind: SubjectOwner,
		Subject: subjectHash("20261101T000000Z-00", SubjectOwner, anna), Until: today, Created: today}
	_, err := putDocument(t.Context(), b, tombstoneKey(stone.ID), stone)
	require.NoError(t, err)
	p, err := Prove(t.Context(), b, today)
	require.NoError(t, err)
	require.Len(t, p.Violations, 1)
	assert.Equal(t, ViolationUnfinished, p.Violations[0].Kind)

	r := erase(t, b, EraseOptions{Owner: anna})
	old, err := ReadReceipt(t.Context(), b, stone.ID)
	require.NoError(t, err)
	assert.Equal(t, []string{stone.ID}, old.Continues)
	assert.NotEqual(t, r.ID, old.ID)
	p, err = Prove(t.Context(), b, today)
	require.NoError(t, err)
	assert.Empty(t, p.Violations)
}

func TestATombstoneDoesNotNameTheSubject(t *testing.T) {
	b, _ := town(t)
	r := erase(t, b, EraseOptions{Owner: anna, Reason: "request 9"})
	text, err := b.GetRange(t.Context(), tombstoneKey(r.ID), 0, -1)
	require.NoError(t, err)
	var stone Tombstone
	require.NoError(t, json.Unmarshal(text, &stone))
	assert.True(t, stone.names(anna))
	assert.False(t, stone.names(ben))
	assert.NotContains(t, string(text), "anna")
	other := subjectHash("another", SubjectOwner, anna)
	assert.NotEqual(t, other, stone.Subject, "two erasures of one subject share nothing")
}
