package plogevent

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
)

func withKeys(keys ...string) *event.Record {
	r := &event.Record{Time: 5, Observed: 6, Name: event.NameRequest, Severity: 9, TraceID: [16]byte{1}, SpanID: [8]byte{2}}
	for i, k := range keys {
		switch i % 3 {
		case 0:
			r.Attrs.Add(k, event.String(fmt.Sprint("value ", i)))
		case 1:
			r.Attrs.Add(k, event.Strings([]string{k}))
		case 2:
			r.Attrs.Add(k, event.Int(int64(i)))
		}
	}
	return r
}

func many(n int) (keys []string) {
	for i := range n {
		keys = append(keys, fmt.Sprint("key ", i))
	}
	return keys
}

// A Writer writes what Write writes, whatever records came before.
func TestWriterWritesAsWriteDoes(t *testing.T) {
	var w Writer
	f := func(r *event.Record) {
		t.Helper()
		want, got := plog.NewLogRecord(), plog.NewLogRecord()
		Write(r, want)
		w.Write(r, got)
		require.Equal(t, want, got)
	}
	f(withKeys())
	f(withKeys("a", "b", "c"))
	f(withKeys("a", "b", "c"))
	f(withKeys("c", "b", "a"))
	f(withKeys("xa", "ya")) // the next is of the same sum
	f(withKeys("ya", "xa"))
	f(withKeys("a", "b", "a"))
	f(withKeys("a", "b", "a"))
	f(withKeys(""))
	f(withKeys(many(maxShapeKeys)...))
	f(withKeys(many(maxShapeKeys + 1)...))
	f(&event.Record{Attrs: event.Attrs{{Key: "empty"}}})
}

// A caller who invents header names may cost copies of the keys, but no memory.
func TestWriterRemembersFewShapes(t *testing.T) {
	var w Writer
	for i := range 10 * maxShapes {
		w.Write(withKeys("a", fmt.Sprint("x-", i)), plog.NewLogRecord())
		require.LessOrEqual(t, len(w.shapes), maxShapes)
	}
}

// What is written is the record's own: the next record of the same shape leaves it as it is.
func TestWriterSharesNoValues(t *testing.T) {
	var w Writer
	first, second := plog.NewLogRecord(), plog.NewLogRecord()
	w.Write(withKeys("a", "b"), first)
	w.Write(withKeys("a", "b"), second)
	second.Attributes().PutStr("a", "changed")
	v, _ := first.Attributes().Get("a")
	require.Equal(t, "value 0", v.Str())
}

func BenchmarkWrite(b *testing.B) {
	r := withKeys(many(54)...)
	for name, write := range map[string]func(*event.Record, plog.LogRecord){"one": Write, "many": new(Writer).Write} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				write(r, plog.NewLogRecord())
			}
		})
	}
}
