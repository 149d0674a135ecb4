package apilogreceiver

import (
	"slices"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/secret"
)

// methods are the values that tell a method from a credential written in its place.
var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}

// bare cuts a record that nobody sealed down to its numbers and to words that cannot hold a credential.
func bare(r *event.Record, src *source) {
	r.Attrs.Delete(func(key string, v event.Value) bool {
		switch key {
		case event.KeyCapture, event.KeySource, event.KeyTimeClaimed:
			return false
		case event.KeyMethod:
			return !slices.Contains(methods, v.Str())
		}
		number := v.Kind() == event.KindInt || v.Kind() == event.KindDouble || v.Kind() == event.KindBool
		return !number || !secret.Skeleton(key)
	})
	r.Attrs.Set(event.KeyRedaction, event.String(event.RedactionFailed))
	r.Resource = append(r.Resource[:0], event.Attr{Key: event.KeyServiceName, Value: event.String(src.service)})
	r.Auth = event.Auth{}
}
