package event

import "context"

type trustKey struct{}

// Trusted marks the context of a ConsumeLogs or ConsumeTraces call whose reserved keys were set by Keytrail itself
// in this process. An attribute could be forged by whoever sends the data; a context cannot.
func Trusted(ctx context.Context) context.Context { return context.WithValue(ctx, trustKey{}, true) }

// IsTrusted reports whether ctx carries the mark. A component that drops the context fails closed.
func IsTrusted(ctx context.Context) bool {
	t, _ := ctx.Value(trustKey{}).(bool)
	return t
}
