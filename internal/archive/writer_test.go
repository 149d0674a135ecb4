package archive

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
)

func TestASegmentBecomesSearchableBlocks(t *testing.T) {
	b := openTemp(t)
	c := write(t, newTestWriter(t, b), 7,
		request(1, today, fp(1)), request(2, today.Add(time.Minute), fp(2)), request(3, today.Add(-13*time.Hour), fp(1)))

	assert.Equal(t, int64(3), c.Records)
	assert.Len(t, c.Files, 4, "two classes, two event days")
	assert.Equal(t, []string{"_commit/2026-11-23/" + writerA + "-000000000007.json"}, list(t, b, "_commit/"))
	assert.Equal(t, []Epoch{{"test", 1, "aaaaaaaa"}}, c.Rings)

	got := find(t, b, Selection{Fingerprints: []string{fp(1)}})
	assert.Equal(t, []string{"full 4", "trail 4", "full 2", "trail 2"}, ids(got))
	full := got[2].Record
	want := request(1, today, fp(1))
	assert.True(t, sameRecord(want, &full), "%+v", full)
}

func TestEverySelectorFindsItsEvents(t *testing.T) {
	b := openTemp(t)
	var records []*event.Record
	for i := range 300 {
		records = append(records, request(i, today.Add(time.Duration(i)*time.Second), fp(i%10)))
	}
	records[42].Attrs.Set(event.KeyJWTID, event.String("jti-42"))
	records[42].Attrs.Set(event.KeyOwnerID, event.String("bob"))
	write(t, newTestWriter(t, b), 1, records...)

	f := func(name string, s Selection, want ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			assert.Equal(t, want, ids(find(t, b, s)))
		})
	}
	f("trace id", Selection{TraceID: []string{"2a000000000000070000000000000000"}}, "full 2b")
	f("request id", Selection{RequestID: []string{"req-42"}}, "full 2b")
	f("jwt id", Selection{JWTID: []string{"jti-42"}}, "full 2b")
	f("owner, by pseudonym where the class keeps only that", Selection{Owner: []string{"bob"}}, "full 2b", "trail 2b")
	f("two that must both match", Selection{Owner: []string{"bob"}, RequestID: []string{"req-41"}})
	f("period", Selection{Since: today.Add(42 * time.Second), Until: today.Add(43 * time.Second)}, "full 2b", "trail 2b")
	f("owner nobody knows", Selection{Owner: []string{"mallory"}})
	f("fingerprint nobody has", Selection{Fingerprints: []string{fp(99)}})
	f("token within a period", Selection{Fingerprints: []string{fp(2)}, Since: today.Add(41 * time.Second), Until: today.Add(43 * time.Second)},
		"full 2b", "trail 2b")

	for name, s := range map[string]Selection{
		"fingerprint": {Fingerprints: []string{fp(3)}}, "prefix": {Fingerprints: []string{fp(3)[:12]}},
		"digits alone": {Fingerprints: []string{fp(3)[4:14]}}, "all digits alone": {Fingerprints: []string{fp(3)[4:]}},
		"principal": {Principal: []string{fp(3)}}, "either": {Fingerprints: []string{fp(3), fp(99)}},
	} {
		assert.Equal(t, 60, len(find(t, b, s)), name)
	}
	assert.Equal(t, 600, len(find(t, b, Selection{})))
	_, report := search1(t, b, Selection{RequestID: []string{"req-42"}})
	assert.Equal(t, []string{"trail"}, report.Blind, "the skeleton has no request id: that is not the same as no event")
}

func TestAnEventHasARowForEachFingerprint(t *testing.T) {
	b := openTemp(t)
	r := request(1, today, fp(1))
	r.Attrs.Add(event.KeyOthers, event.Strings([]string{fp(2) + " query.api_key api_key", fp(1) + " header.authorization bearer"}))
	anonymous := request(2, today, "")
	write(t, newTestWriter(t, b), 1, r, anonymous)

	got := find(t, b, Selection{Fingerprints: []string{fp(2)}})
	require.Len(t, got, 2)
	for _, h := range got {
		assert.False(t, h.Primary)
		assert.Equal(t, fp(2), h.Fingerprint)
		assert.Equal(t, fp(1), h.Record.Attrs.Str(event.KeyFingerprint), "the event still says which one it was authenticated by")
	}
	assert.Len(t, find(t, b, Selection{}), 6)
	assert.Len(t, find(t, b, Selection{Primary: true}), 4, "counting events counts each once")
}

func TestTheSkeletonHoldsNothingPersonal(t *testing.T) {
	b := openTemp(t)
	write(t, newTestWriter(t, b), 1, request(1, today, fp(1)))

	got := find(t, b, Selection{})
	i := slices.IndexFunc(got, func(h Hit) bool { return h.Record.Classes[0] == "trail" })
	r := got[i].Record
	var keys []string
	for _, a := range sortedAttrs(r.Attrs) {
		keys = append(keys, a.Key)
	}
	assert.Equal(t, []string{
		"client.address", "http.request.method", "http.response.status_code", "http.route",
		"keytrail.duration", "keytrail.event.id", "keytrail.redaction", "token.fingerprint",
		"token.owner.id" /* looked up while the alias stands */, "token.owner.pseudonym", "token.principal", "user_agent.name",
	}, keys)
	assert.Equal(t, "203.0.113.0/24", r.Attrs.Str(event.KeyClientAddress))
	assert.Equal(t, "curl", r.Attrs.Str(event.KeyAgentFamily))
	assert.Zero(t, r.TraceID)
	assert.Equal(t, event.Attrs{{Key: event.KeyServiceName, Value: event.String("orders")}}, r.Resource)
	assert.Less(t, got[i].Rank, got[1-i].Rank)

	require.NoError(t, b.Delete(t.Context(), aliasKey("alice@example.test")))
	for _, h := range find(t, b, Selection{}) {
		if h.Record.Classes[0] == "trail" {
			assert.Empty(t, h.Record.Attrs.Str(event.KeyOwnerID), "the alias is gone: nothing leads back to the person")
		}
	}
	assert.Equal(t, []string{"full 2"}, ids(find(t, b, Selection{Owner: []string{"alice@example.test"}})))
}

func TestASegmentDoneAgainChangesNothing(t *testing.T) {
	records := func() []*event.Record {
		return []*event.Record{request(1, today, fp(1)), request(2, today, fp(2)), request(3, today, fp(1))}
	}
	b := openTemp(t)
	first := write(t, newTestWriter(t, b), 1, records()...)
	before := list(t, b, "")

	t.Run("after the commit", func(t *testing.T) {
		assert.Equal(t, first, write(t, newTestWriter(t, b), 1, records()...))
		assert.Equal(t, before, list(t, b, ""))
	})
	t.Run("after a crash between blocks and commit", func(t *testing.T) {
		require.NoError(t, b.Delete(t.Context(), commitKey(today.Add(time.Second).UnixNano(), writerA, 1)))
		assert.Empty(t, find(t, b, Selection{}), "blocks without a commit are not seen")
		assert.Equal(t, first, write(t, newTestWriter(t, b), 1, records()...), "the same bytes, under the same keys")
		assert.Equal(t, before, list(t, b, ""))
	})
	t.Run("over a block that the crash damaged", func(t *testing.T) {
		require.NoError(t, b.Delete(t.Context(), commitKey(today.Add(time.Second).UnixNano(), writerA, 1)))
		damage(t, b, first.Files[0].Key, 100)
		assert.Equal(t, first, write(t, newTestWriter(t, b), 1, records()...))
		assert.Len(t, find(t, b, Selection{}), 6)
	})
}

func TestLateEventsAreCountedWhenNoClassKeepsTheirDay(t *testing.T) {
	b := openTemp(t)
	late := request(1, today, fp(1))
	late.Time = today.Add(-20 * day).UnixNano()
	tooLate := request(2, today, fp(1))
	tooLate.Time = today.Add(-100 * day).UnixNano()
	stranger := request(3, today, fp(1))
	stranger.Classes = []string{"removed_from_the_configuration"}

	c := write(t, newTestWriter(t, b), 1, late, tooLate, stranger)
	assert.Equal(t, int64(1), c.ExpiredOnArrival)
	assert.Equal(t, int64(1), c.Unclassed)
	assert.Equal(t, []string{"trail 2"}, ids(find(t, b, Selection{})), "too old for full, young enough for trail")
}

func TestAnEmptySegmentLeavesNothing(t *testing.T) {
	b := openTemp(t)
	c := write(t, newTestWriter(t, b), 1)
	assert.Empty(t, c.Files)
	assert.Empty(t, list(t, b, ""))
}

func TestAnotherKeyUnderTheSameEpochIsRefused(t *testing.T) {
	b := openTemp(t)
	write(t, newTestWriter(t, b), 1, request(1, today, fp(1)))
	before := list(t, b, "")

	impostor := request(2, today, fp(1))
	impostor.Scope.Check = "bbbbbbbb"
	_, err := newTestWriter(t, b).WriteSegment(t.Context(), 2, slices.Values([]*event.Record{impostor}))
	var epoch *EpochError
	require.ErrorAs(t, err, &epoch)
	assert.Equal(t, EpochError{Ring: "test", Epoch: 1, Have: "aaaaaaaa", Want: "bbbbbbbb"}, *epoch)
	assert.Equal(t, before, list(t, b, ""))

	_, err = NewWriter(b, WriterOptions{Writer: writerA, Classes: ShippedClasses(), Ring: impostor.Scope})
	require.ErrorAs(t, err, &epoch)

	other := request(3, today, fp(1))
	other.Scope = event.Scope{Ring: "another/ring ../x", Epoch: 1, Check: "bbbbbbbb"}
	write(t, newTestWriter(t, b), 3, other)
	epochs, err := NewReader(b).Epochs(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []Epoch{{"another/ring ../x", 1, "bbbbbbbb"}, {"test", 1, "aaaaaaaa"}}, epochs)
}

func damage(t testing.TB, b bucket.Bucket, key string, at int64) {
	t.Helper()
	data, err := b.GetRange(t.Context(), key, 0, -1)
	require.NoError(t, err)
	for i := range int64(64) {
		data[at+i] ^= 0xff
	}
	putBytes(t, b, key, data)
}

func TestEveryOwnerOfASegmentGetsAPseudonym(t *testing.T) {
	b := openTemp(t)
	var records []*event.Record
	for i := range 200 {
		r := request(i, today, fp(i))
		r.Attrs.Set(event.KeyOwnerID, event.String(fmt.Sprintf("owner-%d", i)))
		records = append(records, r)
	}
	write(t, newTestWriter(t, b), 1, records...)
	owners, err := new(aliasMap).load(t.Context(), b)
	require.NoError(t, err)
	assert.Len(t, owners, 200)
	assert.Equal(t, []string{"full 8", "trail 8"}, ids(find(t, b, Selection{Owner: []string{"owner-7"}})))
}
