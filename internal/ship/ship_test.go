package ship

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func cut(t testing.TB, r io.Reader) [][]byte {
	t.Helper()
	var out [][]byte
	for b, err := range Bodies(r) {
		require.NoError(t, err)
		out = append(out, b)
	}
	return out
}

func zip(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// The cut decides event ids of records without one of their own: the same content must give the same bodies, however
// it arrives.
func TestBodiesAreCutAtTheSamePlacesEachTime(t *testing.T) {
	var log bytes.Buffer
	for i := range 5000 {
		fmt.Fprintf(&log, "{\"n\":%d,\"pad\":%q}\n", i, strings.Repeat("x", i%900))
	}
	want := cut(t, bytes.NewReader(log.Bytes()))
	require.Greater(t, len(want), 2)
	for _, b := range want {
		require.LessOrEqual(t, len(b), maxBody)
		require.LessOrEqual(t, bytes.Count(b, []byte("\n")), maxRecords)
		require.True(t, bytes.HasSuffix(b, []byte("}\n")), "a record is never cut")
	}
	require.Equal(t, log.Bytes(), bytes.Join(want, nil))
	require.Equal(t, want, cut(t, iotest.HalfReader(bytes.NewReader(log.Bytes()))))
	require.Equal(t, want, cut(t, bytes.NewReader(zip(t, log.Bytes()))))
	half := log.Len() / 2
	twoMembers := append(zip(t, log.Bytes()[:half]), zip(t, log.Bytes()[half:])...)
	require.Equal(t, want, cut(t, bytes.NewReader(twoMembers)), "rotated logs are often gzip after gzip")
}

func TestBodiesOfFewAndLongLines(t *testing.T) {
	f := func(in string, want ...int) {
		t.Helper()
		var sizes []int
		for _, b := range cut(t, strings.NewReader(in)) {
			sizes = append(sizes, len(b))
		}
		require.Equal(t, want, sizes)
	}
	long := strings.Repeat("y", maxBody+1)
	f("")
	f("a", 1)
	f("\n", 1)
	f("a\nb", 3)
	f(strings.Repeat("a\n", maxRecords+1), 2*maxRecords, 2)
	f("a\n"+long+"\nb\n", 2, len(long)+1, 2)
	f(strings.Repeat("z", maxBody-1)+"\n", maxBody)
}

// A record is never cut: neither an object printed over several lines, nor an element of an array.
func TestObjectsOfManyLinesAndArraysAreKeptWhole(t *testing.T) {
	const n = 5000
	whole := func(in string) (records int) {
		t.Helper()
		for _, body := range cut(t, strings.NewReader(in)) {
			require.LessOrEqual(t, len(body), maxBody)
			dec := json.NewDecoder(bytes.NewReader(body))
			for {
				var v map[string]any
				err := dec.Decode(&v)
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err)
				records++
			}
		}
		return records
	}
	var pretty, array, lined strings.Builder
	for i := range n {
		fmt.Fprintf(&pretty, "{\n  \"request\": {\n    \"id\": %d }\n}\n", i)
		fmt.Fprintf(&array, "%c{\"n\":%d}", "[,"[min(i, 1)], i)
		fmt.Fprintf(&lined, "%c\n{\n\"n\":%d}\n", "[,"[min(i, 1)], i)
	}
	require.Equal(t, n, whole(pretty.String()))
	require.Equal(t, n, whole(array.String()+"]"))
	require.Equal(t, n, whole(lined.String()+"]\n"))
	require.Equal(t, 2*n, whole(" "+array.String()+"]\n"+array.String()+"]"), "arrays one after the other")
	require.Empty(t, cut(t, strings.NewReader("[ ]")))
	text := "[23/Nov/2026:12:00:00 +0000] GET /\n"
	require.Equal(t, [][]byte{[]byte(text)}, cut(t, strings.NewReader(text)), "a line of text that begins with a bracket")
	broken := strings.Repeat("{\"a\": \"\n", 9000)
	require.Equal(t, broken, string(bytes.Join(cut(t, strings.NewReader(broken)), nil)), "broken lines are the collector's to reject")
}

func TestABrokenArraySaysWhereAndKeepsWhatCameBefore(t *testing.T) {
	f := func(in string, sent int, want string) {
		t.Helper()
		var got []byte
		var last error
		for b, err := range Bodies(strings.NewReader(in)) {
			got, last = append(got, b...), err
		}
		require.Equal(t, sent, bytes.Count(got, []byte("\n")))
		require.EqualError(t, last, want)
	}
	f(`[{"a":1},{"a":2},{"secret":CANARY}]`, 2, "the array cannot be read beyond byte 17: not JSON")
	f(`[{"a":1}`, 1, "the array cannot be read beyond byte 8: unexpected EOF")
	f(`[{"a":1}] {}`, 1, "the array cannot be read beyond byte 11: what follows an array must be another")
	f(`[{"a":1}] tail`, 1, "the array cannot be read beyond byte 10: not JSON")
	f(`[{"a":"`+strings.Repeat("x", maxRecord+1<<20)+`"}]`, 0, errRecord.Error())
}

func TestWhatIsNoLogEndsWithAnError(t *testing.T) {
	ends := func(r io.Reader) (bodies int, err error) {
		for _, e := range Bodies(r) {
			if e != nil {
				return bodies, e
			}
			bodies++
		}
		return bodies, nil
	}
	n, err := ends(io.LimitReader(endless{}, maxRecord+2))
	require.ErrorIs(t, err, errRecord)
	require.Zero(t, n)

	broken := errors.New("disk")
	n, err = ends(io.MultiReader(strings.NewReader("one\ntwo"), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	require.Equal(t, 1, n, "what could be read is sent")

	_, err = ends(bytes.NewReader(zip(t, []byte("one\ntwo\n"))[:20]))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = ends(strings.NewReader("\x1f\x8b no gzip"))
	require.Error(t, err)

	for range Bodies(strings.NewReader(strings.Repeat("a\n", 3*maxRecords))) {
		break // whoever stops gets no more
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

func FuzzBodies(f *testing.F) {
	f.Add([]byte("one\ntwo\n"), 1)
	f.Add([]byte("{\"a\":1}\n\n\n{\"b\":2}"), 3)
	f.Add([]byte{0x1f}, 9)
	f.Add([]byte{}, 0)
	f.Fuzz(func(t *testing.T, unit []byte, times int) {
		in := bytes.Repeat(unit, min(max(times, 0), 1+(3<<20)/(len(unit)+1)))
		plainText := (len(in) < 2 || in[0] != 0x1f || in[1] != 0x8b) && !beginsArray(bufio.NewReader(bytes.NewReader(in)))
		var got []byte
		for b, err := range Bodies(bytes.NewReader(in)) {
			if err != nil {
				require.False(t, plainText)
				return
			}
			require.NotEmpty(t, b)
			got = append(got, b...)
		}
		if plainText {
			require.True(t, bytes.Equal(in, got), "the bodies are the input")
		}
	})
}

// exchange is a collector without a network: its answers, in turn, the last for ever.
type exchange struct {
	answers []answer
	asked   []time.Duration // since the start
	start   time.Time
	bodies  []string
}

type answer struct {
	status int
	text   string
	after  string
	err    error
}

func (x *exchange) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	x.asked = append(x.asked, time.Since(x.start))
	x.bodies = append(x.bodies, string(body))
	a := x.answers[0]
	if len(x.answers) > 1 {
		x.answers = x.answers[1:]
	}
	if a.err != nil {
		return nil, a.err
	}
	h := http.Header{}
	if a.after != "" {
		h.Set("Retry-After", a.after)
	}
	return &http.Response{StatusCode: a.status, Header: h, Body: io.NopCloser(strings.NewReader(a.text)), Request: r}, nil
}

func client(x *exchange, patience time.Duration) *Client {
	x.start = time.Now()
	return &Client{URL: "http://collector.test/ingest", HTTP: &http.Client{Transport: x}, Patience: patience, Header: http.Header{"Authorization": {"Bearer dummy"}}}
}

func TestARefusalForNowIsRepeatedWhenTheCollectorAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &exchange{answers: []answer{
			{status: 503, after: "5"},
			{status: 429, after: time.Now().Add(12 * time.Second).UTC().Format(http.TimeFormat)},
			{err: errors.New("connection refused")},
			{status: 502, after: "soon"},
			{status: 200, text: `{"accepted":2,"rejected":1,"errors":[{"index":1,"reason":"not_json"}]}`},
		}}
		a, err := client(x, time.Minute).Send(t.Context(), []byte("body"))
		require.NoError(t, err)
		require.Equal(t, Answer{Accepted: 2, Rejected: 1, Errors: []RecordError{{1, "not_json"}}}, a)
		require.Equal(t, []time.Duration{0, 5 * time.Second, 12 * time.Second, 12*time.Second + 400*time.Millisecond, 13200 * time.Millisecond}, x.asked)
		require.Equal(t, []string{"body", "body", "body", "body", "body"}, x.bodies)
	})
}

func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &exchange{answers: []answer{{status: 503}}}
		_, err := client(x, 20*time.Second).Send(t.Context(), nil)
		var later *LaterError
		require.ErrorAs(t, err, &later)
		require.Equal(t, 503, later.Status)
		require.Equal(t, 20*time.Second, time.Since(x.start))
		require.Len(t, x.asked, 9, "the pause doubles up to five seconds")

		x = &exchange{answers: []answer{{err: errors.New("no route")}}}
		_, err = client(x, 0).Send(t.Context(), nil)
		require.EqualError(t, err, `collector cannot be reached: Post "http://collector.test/ingest": no route`)
		require.Len(t, x.asked, 1, "without patience there is still an attempt")
	})
}

func TestWhoeverInterruptsGetsOutAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &exchange{answers: []answer{{status: 503, after: "3600"}}}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, nil)
		defer cancel()
		_, err := client(x, time.Hour).Send(ctx, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(x.start))
	})
}

func TestAnAnswerForGoodIsNotRepeated(t *testing.T) {
	for _, a := range []answer{
		{status: 400, text: "no_records"}, {status: 401}, {status: 413}, {status: 415}, {status: 500}, {status: 301},
		{status: 200, text: "<html>"}, {status: 400, text: strings.Repeat("x", 5000)},
	} {
		x := &exchange{answers: []answer{a}}
		_, err := client(x, time.Hour).Send(t.Context(), nil)
		var status *StatusError
		require.ErrorAs(t, err, &status)
		require.Equal(t, a.status, status.Status)
		require.LessOrEqual(t, len(status.Text), maxQuoted)
		require.Len(t, x.asked, 1)
	}
}

func TestAnswersAddUp(t *testing.T) {
	var total Answer
	total.Add(Answer{Accepted: 3, Rejected: 1, Errors: []RecordError{{0, "not_json"}}})
	total.Add(Answer{Accepted: 1, Rejected: 150, Errors: []RecordError{{0, "not_json"}, {7, "too_large"}}})
	require.Equal(t, 4, total.Accepted)
	require.Equal(t, map[string]int{"not_json": 2, "too_large": 1}, total.Reasons)
	require.Equal(t, 148, total.Unlisted(), "an answer lists the first hundred")

	var hostile Answer
	for i := range 1000 {
		hostile.Add(Answer{Rejected: 1, Errors: []RecordError{{0, fmt.Sprint(i)}}})
	}
	require.Len(t, hostile.Reasons, maxReasons)
	require.Equal(t, 1000-maxReasons, hostile.Unlisted())
}

func TestNoRedirectIsFollowed(t *testing.T) {
	require.ErrorIs(t, NewHTTPClient().CheckRedirect(nil, nil), http.ErrUseLastResponse)
}
