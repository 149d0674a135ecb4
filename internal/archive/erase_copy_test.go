package archive

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/event"
)

// mirror is a copy that remembers what it was asked.
type mirror struct {
	asked []CopyDeletion
	fails error
	state CopyState
}

func (m *mirror) Ask(_ context.Context, d CopyDeletion) ([]CopyRequest, error) {
	if m.fails != nil {
		return nil, m.fails
	}
	m.asked = append(m.asked, d)
	return []CopyRequest{{Copy: "mirror", Class: d.Class, ID: "r-" + d.Class, State: CopyAccepted}}, nil
}

func (m *mirror) Follow(_ context.Context, requests []CopyRequest) []CopyRequest {
	for i := range requests {
		requests[i].State = m.state
	}
	return requests
}

func TestACopyIsAskedForEachClassByTheKeysOfItsView(t *testing.T) {
	classes := ShippedClasses()
	classes[2].Owner = OwnerDrop
	b, _ := town(t, classes...)
	alias, err := pseudonym(t.Context(), b, anna)
	require.NoError(t, err)
	m := &mirror{state: CopyProcessed}
	r := erase(t, b, EraseOptions{Owner: anna, Copies: []Copy{m}})

	both := map[string][]string{event.KeyOwnerID: {anna}, event.KeyOwnerPseudonym: {alias}}
	require.Len(t, m.asked, 3)
	assert.Equal(t, "full", m.asked[0].Class)
	assert.Equal(t, both, m.asked[0].Keys)
	assert.Equal(t, today.UTC(), m.asked[0].Until)
	assert.Equal(t, today.Add(-9*day).UTC(), m.asked[0].Since, "as long as the class keeps, and the day of the event")
	assert.Equal(t, "security", m.asked[1].Class)
	assert.Equal(t, []string{fp(1)}, m.asked[1].Keys[event.KeyFingerprint], "a class without owners is asked by their tokens")
	assert.Equal(t, both, m.asked[2].Keys)

	receipt, err := ReadReceipt(t.Context(), b, r.ID)
	require.NoError(t, err)
	require.Len(t, receipt.Copies, 3)
	assert.Equal(t, CopyRequest{Copy: "mirror", Class: "full", ID: "r-full", State: CopyProcessed}, receipt.Copies[0])
	for _, s := range receipt.Stays {
		assert.NotContains(t, s.What, "loki", "what was asked does not stay")
	}
}

func TestACopyIsAskedForEventsThatCarryTheTokenBesideAnother(t *testing.T) {
	b := openTemp(t)
	two := owned(1, today, anna, 1)
	two.Attrs.Add(event.KeyOthers, event.Strings([]string{fp(9) + " header.x-api-key api_key"}))
	write(t, newTestWriter(t, b), 1, two, owned(2, today, anna, 9), owned(3, today, ben, 2))
	m := &mirror{state: CopyAccepted}
	erase(t, b, EraseOptions{Fingerprint: fp(9), Copies: []Copy{m}})
	id, _ := two.Attrs.Get(event.KeyEventID)
	assert.Equal(t, map[string][]string{event.KeyFingerprint: {fp(9)}, event.KeyFingerprintPrev: {fp(9)}, event.KeyEventID: {id.Str()}}, m.asked[0].Keys)
}

func TestACopyThatRefusesLeavesTheArchive(t *testing.T) {
	b, _ := town(t)
	refused := errors.New("refused")
	_, err := Erase(t.Context(), b, EraseOptions{Owner: anna, Now: today, Signer: newSigner(t), Copies: []Copy{&mirror{fails: refused}}})
	require.ErrorIs(t, err, refused)
	assert.Len(t, eventsOf(t, b, Selection{Owner: []string{anna}}), 90, "by them it can be done again")
	assert.Equal(t, []ViolationKind{ViolationUnfinished}, kindsOf(prove(t, b, today.Add(time.Minute)).Violations)[:1])

	erase(t, b, EraseOptions{Owner: anna, Copies: []Copy{&mirror{state: CopyProcessed}}})
	assert.Empty(t, prove(t, b, today.Add(time.Minute)).Violations)
}

// A hold that was lifted lets go of somebody who was erased meanwhile: the next rewriting takes those rows too, and
// no receipt counts them for another one's.
func TestAReceiptCountsItsOwnRows(t *testing.T) {
	b, _ := town(t)
	require.NoError(t, AddHold(t.Context(), b, Hold{ID: "case-1", Reason: "a case", By: "counsel", Owner: []string{ben}, Created: today}))
	erase(t, b, EraseOptions{Owner: ben})
	require.NoError(t, LiftHold(t.Context(), b, Lifting{ID: "case-1", By: "counsel", Lifted: today}))
	r := erase(t, b, EraseOptions{Owner: anna})
	receipt, err := ReadReceipt(t.Context(), b, r.ID)
	require.NoError(t, err)
	assert.EqualValues(t, 90, receipt.Rows)
	assert.EqualValues(t, 270, receipt.RowsOthers)
	assert.Empty(t, eventsOf(t, b, Selection{}))
}

// What a hold should have kept of a block that is gone, its commit tells in part.
func TestProveSaysWhatItCannotKnow(t *testing.T) {
	f := func(name string, h Hold, lost, unknown int) {
		t.Run(name, func(t *testing.T) {
			b := openTemp(t)
			write(t, newTestWriter(t, b), 1, owned(1, today, anna, 1))
			h.ID, h.Reason, h.By = "case-1", "a case", "counsel"
			require.NoError(t, AddHold(t.Context(), b, h))
			for _, k := range list(t, b, dataPrefix) {
				require.NoError(t, b.Delete(t.Context(), k))
			}
			p := prove(t, b, today.Add(200*day))
			assert.Len(t, p.Violations, lost)
			assert.Equal(t, unknown, p.Unknown)
		})
	}
	f("all of a period", Hold{Created: today}, 2, 0)
	f("an owner", Hold{Created: today, Owner: []string{ben}}, 0, 2)
	f("a token that may have been there", Hold{Created: today, Fingerprint: []string{fp(1)}}, 0, 2)
	f("a token that was not", Hold{Created: today, Fingerprint: []string{fp(2)}}, 0, 0)
	f("placed when the block was gone by right", Hold{Created: today.Add(150 * day)}, 0, 0)
}
