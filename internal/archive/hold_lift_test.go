package archive

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// digested is an archive in which a hold stood when the first digest was made.
func digested(t *testing.T) (*store, *Signer) {
	t.Helper()
	b, _ := town(t)
	require.NoError(t, AddHold(t.Context(), b, Hold{ID: "case-1", Reason: "a case", By: "counsel", Owner: []string{anna}, Created: today}))
	age(t, b, "", today.Add(-3*time.Hour))
	signer := newSigner(t)
	digest(t, b, signer, today)
	require.Empty(t, verify(t, b, today).Problems)
	return b, signer
}

func lift(t *testing.T, b bucket.Bucket, by string) {
	t.Helper()
	require.NoError(t, LiftHold(t.Context(), b, Lifting{ID: "case-1", By: by, Reason: "settled", Lifted: today.Add(time.Hour)}))
}

func TestALiftedHoldStaysEvident(t *testing.T) {
	b, signer := digested(t)
	lift(t, b, "counsel")
	holds, err := Holds(t.Context(), b)
	require.NoError(t, err)
	assert.Empty(t, holds)
	done, err := Liftings(t.Context(), b)
	require.NoError(t, err)
	require.Len(t, done, 1)
	assert.Equal(t, Lifting{ID: "case-1", Placed: today, Lifted: today.Add(time.Hour), By: "counsel", Reason: "settled", Hold: done[0].Hold}, done[0])
	for _, k := range list(t, b, holdPrefix) {
		text, err := b.GetRange(t.Context(), k, 0, -1)
		require.NoError(t, err)
		assert.NotContains(t, string(text), anna, "whom it named goes with it")
	}

	r := verify(t, b, today.Add(time.Hour))
	assert.Empty(t, r.Problems)
	assert.Equal(t, 1, r.Lifted)
	age(t, b, holdPrefix, today.Add(time.Hour))
	digest(t, b, signer, today.Add(3*time.Hour))
	require.NoError(t, b.Delete(t.Context(), liftingKey("case-1")))
	problems := verify(t, b, today.Add(3*time.Hour)).Problems
	require.Len(t, problems, 2, "who takes the lifting away leaves two holes")
	assert.Equal(t, ProblemMissing, problems[0].Kind)
}

func TestAHoldThatIsGoneWithoutALiftingIsMissing(t *testing.T) {
	b, _ := digested(t)
	require.NoError(t, b.Delete(t.Context(), holdKey("case-1")))
	problems := verify(t, b, today).Problems
	require.Len(t, problems, 1)
	assert.Equal(t, ProblemMissing, problems[0].Kind)
	assert.Equal(t, holdKey("case-1"), problems[0].Key)
}

func TestALiftingOfAnotherDocumentExplainsNothing(t *testing.T) {
	b, _ := digested(t)
	putBytes(t, b, holdKey("case-1"), []byte(`{"id":"case-1","reason":"narrower","by":"mallory","owner":["nobody"],"created":"2026-11-23T12:00:00Z"}`))
	lift(t, b, "mallory")
	problems := verify(t, b, today).Problems
	require.Len(t, problems, 1)
	assert.Equal(t, ProblemMissing, problems[0].Kind)
}

func TestALiftingThatWasCutOffIsDoneAgain(t *testing.T) {
	b, _ := digested(t)
	killed := &mortal{Bucket: b, calls: 4} // two reads, the lifting; dies before the hold's document goes
	require.ErrorIs(t, LiftHold(t.Context(), killed, Lifting{ID: "case-1", By: "counsel", Lifted: today}), errKilled)
	holds, err := Holds(t.Context(), b)
	require.NoError(t, err)
	assert.Empty(t, holds, "it is lifted from the moment the lifting stands")
	lift(t, b, "somebody else")
	done, err := Liftings(t.Context(), b)
	require.NoError(t, err)
	assert.Equal(t, "counsel", done[0].By)
	require.ErrorIs(t, LiftHold(t.Context(), b, Lifting{ID: "case-1", By: "counsel"}), bucket.ErrNotFound)
	require.ErrorIs(t, AddHold(t.Context(), b, Hold{ID: "case-1", Reason: "another", By: "counsel", Created: today}), bucket.ErrExists)
	require.ErrorContains(t, LiftHold(t.Context(), b, Lifting{ID: "case-1"}), "needs who lifted")
}
