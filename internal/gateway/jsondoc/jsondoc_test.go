package jsondoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

var limits = Limits{Depth: 32, Nodes: 1 << 16}

// plain rebuilds what encoding/json would make of the document.
func plain(d *Doc, i int) any {
	n := d.Node(i)
	switch n.Kind {
	case True, False:
		return n.Kind == True
	case Number:
		return json.Number(n.Text)
	case String:
		return n.Text
	case Object:
		m := map[string]any{}
		for c, child := range d.Children(i) {
			m[child.Key] = plain(d, c)
		}
		return m
	case Array:
		l := []any{}
		for c := range d.Children(i) {
			l = append(l, plain(d, c))
		}
		return l
	}
	return nil
}

func decode(b []byte) (any, error) {
	var v any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	err := dec.Decode(&v)
	return v, err
}

// TestRepair: what templates and other loggers write, and the JSON it was meant to be.
func TestRepair(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		var d Doc
		require.NoError(t, d.Parse(in, limits), in)
		require.True(t, d.Repaired(), in)
		v, err := decode([]byte(want))
		require.NoError(t, err)
		require.Equal(t, v, plain(&d, 0), in)
	}
	f(`{"a":-}`, `{"a":null}`)
	f(`{"a":-,"b":1}`, `{"a":null,"b":1}`)
	f(`{"a":,"b":}`, `{"a":null,"b":null}`)
	f(`{"a":0.1, 0.2,"b":1}`, `{"a":"0.1, 0.2","b":1}`)
	f(`{"a":502, 200 : 200}`, `{"a":"502, 200 : 200"}`)
	f(`{"a":-, 0.2 ,"b":[1]}`, `{"a":"-, 0.2","b":[1]}`)
	f(`{"a":10.1.0.4:80, [::1]:80,"b":1}`, `{"a":"10.1.0.4:80, [::1]:80","b":1}`)
	f(`{"a":GET,"b":+123}`, `{"a":"GET","b":"+123"}`)
	f(`{"a":[-,1]}`, `{"a":[null,1]}`)
	f(`{"a":"\x22q\x22 \xc3\xa9"}`, `{"a":"\"q\" é"}`)
	f(`{"a":"c:\dir"}`, `{"a":"c:\\dir"}`)
	f(`{"a":1,}`, `{"a":1}`)
	f(`{"a":[1,],"b":-,}`, `{"a":[1],"b":null}`)
	f(`{"a":01}`, `{"a":"01"}`)
}

func TestRefuse(t *testing.T) {
	f := func(in string, want error) {
		t.Helper()
		var d Doc
		require.ErrorIs(t, d.Parse(in, Limits{Depth: 4, Nodes: 8}), want, in)
	}
	for _, in := range []string{
		"", " ", "{", "[", `{"a"`, `{"a":`, `{"a":1`, `{"a":1}}`, `{"a":1}x`, `{"a" 1}`, `{a:1}`, `{,}`,
		`"open`, "{\"a\":\"line\nbreak\"}", `{"a":"\`, `{"a":"\u12"`, `[1 2]`, `{"a":-`,
	} {
		f(in, ErrMalformed)
	}
	f(`[[[[[1]]]]]`, ErrTooDeep)
	f(`[1,2,3,4,5,6,7,8]`, ErrTooMany)
}

// TestOwnership: the strings of a document outlive the next one.
func TestOwnership(t *testing.T) {
	var d Doc
	require.NoError(t, d.Parse(`{"a":"x\/y","b":"z"}`, limits))
	first := plain(&d, 0)
	require.NoError(t, d.Parse(`{"c":"\/\/\/\/","d":"w"}`, limits))
	require.Equal(t, map[string]any{"a": "x/y", "b": "z"}, first)
}

func TestGet(t *testing.T) {
	var d Doc
	require.NoError(t, d.Parse(`{"a":1,"b":{"a":2},"a":3}`, limits))
	i, ok := d.Get(0, "a")
	require.True(t, ok)
	require.Equal(t, "3", d.Node(i).Text, "of two the last counts")
	_, ok = d.Get(i, "a")
	require.False(t, ok, "a number has no members")
	require.Equal(t, 3, d.Len(0))
}

// FuzzParse: everything that encoding/json takes is read the same way and needs no repair; nothing panics.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-2.5e+3,true,false,null,"x\u00e9\ud83d\ude00\ud800"],"b":{}}`, `{"a":-, 0.1,"b":"\x22"}`, `[]`, `""`,
		"{\"a\" :\t1 ,\r\n\"a\":2}", `{"a":0.1, 0.2 : 0.3}`, `{"":""}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var d Doc
		err := d.Parse(s, limits)
		if !json.Valid([]byte(s)) || !utf8.ValidString(s) || errors.Is(err, ErrTooDeep) || errors.Is(err, ErrTooMany) {
			return
		}
		require.NoError(t, err)
		require.False(t, d.Repaired())
		want, err := decode([]byte(s))
		require.NoError(t, err)
		require.Equal(t, want, plain(&d, 0))
	})
}

func FuzzUnescape(f *testing.F) {
	f.Add(`\x22a\"\\\u00e9\`)
	f.Fuzz(func(t *testing.T, s string) {
		got := Unescape(s)
		if !strings.Contains(s, `\`) {
			require.Equal(t, s, got)
		}
	})
}
