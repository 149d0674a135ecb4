package tokenownerprocessor

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/keytrail/keytrail/internal/event"
)

// canaryToken is a token of its own for each place: were they one, finding the easiest would remove them all.
func canaryToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return event.CanaryPrefix + hex.EncodeToString(b[:])
}

// newCanary makes a record that carries planted tokens where credentials and leaks stand: headers, query, path, body,
// nested values, bytes, keys and names, as they are and in the encodings that the redaction reads. It names no method,
// so that nothing takes it for a request.
func newCanary() plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	sl := rl.ScopeLogs().AppendEmpty()
	lr := sl.LogRecords().AppendEmpty()
	now := pcommon.NewTimestampFromTime(time.Now())
	lr.SetTimestamp(now)
	lr.SetObservedTimestamp(now)
	plantHeaders(lr.Attributes())
	plantFields(lr.Attributes())
	plantBody(lr.Body())
	lr.SetSeverityText(canaryToken())
	rl.Resource().Attributes().PutStr("canary.note", "seen "+canaryToken())
	sl.Scope().SetName(canaryToken())
	sl.Scope().Attributes().PutStr("canary.note", canaryToken())
	return ld
}

func plantHeaders(a pcommon.Map) {
	header := func(name, value string) {
		a.PutEmptySlice(event.PrefixRequestHeader + name).AppendEmpty().SetStr(value)
	}
	header("authorization", "Bearer "+canaryToken())
	header("proxy-authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("canary:"+canaryToken())))
	header("x-api-key", canaryToken())
	header("cookie", "theme=dark; session="+canaryToken())
	header("referer", "https://canary.example/?access_token="+canaryToken())
	header("x-note", "seen "+canaryToken()+".")
	a.PutStr(event.PrefixResponseHeader+"set-cookie", "session="+canaryToken())
	a.PutStr(event.PrefixResponseHeader+"location", "https://canary.example/"+canaryToken())
}

func plantFields(a pcommon.Map) {
	a.PutStr(event.KeyPath, "/canary/"+canaryToken())
	a.PutStr(event.KeyQuery, "access_token="+canaryToken()+"&next="+url.QueryEscape("https://canary.example/?token="+canaryToken()))
	a.PutStr(event.KeyUserAgent, "canary/1 "+canaryToken())
	a.PutStr("canary.text", "seen "+canaryToken()+" and "+canaryToken())
	a.PutStr("canary.percent", escapeAll("token "+canaryToken()))
	a.PutStr("canary.base64", base64.StdEncoding.EncodeToString([]byte("token "+canaryToken())))
	a.PutStr("canary.base64url", base64.RawURLEncoding.EncodeToString([]byte("a token "+canaryToken())))
	a.PutStr("canary.hex", hex.EncodeToString([]byte("the token "+canaryToken())))
	a.PutStr("canary.json", nested(canaryToken()))
	a.PutEmptyBytes("canary.bytes").FromRaw([]byte("\xff" + canaryToken() + "\x00"))
	a.PutEmptyMap("canary.map").PutEmptySlice("list").AppendEmpty().SetStr(canaryToken())
	a.PutStr("canary "+canaryToken(), "key")
}

func plantBody(v pcommon.Value) {
	m := v.SetEmptyMap()
	m.PutStr("message", "request with "+canaryToken()+" was refused")
	m.PutStr("password", canaryToken())
	m.PutEmptyMap("request").PutStr("token", canaryToken())
}

// nested is JSON in a string of JSON.
func nested(token string) string {
	inner, _ := json.Marshal(map[string]string{"note": token})
	outer, _ := json.Marshal(map[string]string{"payload": string(inner)})
	return string(outer)
}

// escapeAll percent-encodes every byte, which no library does and every server reads.
func escapeAll(s string) string {
	var b []byte
	for _, c := range []byte(s) {
		b = append(b, '%')
		b = hex.AppendEncode(b, []byte{c})
	}
	return string(b)
}

// sealCanary seals the record like one that came from outside, without asking about owners and without counting what
// was found. It reports whether the record came through whole.
func (p *tokenOwner) sealCanary(ld plog.Logs) bool {
	c := p.newCall(context.Background())
	c.trusted, c.sources = false, nil
	c.logs(ld)
	c.protectLogs(ld)
	whole := ld.LogRecordCount() == 1
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				whole = whole && strOf(lr.Attributes(), event.KeyRedaction) == event.RedactionDone
				lr.SetEventName(event.NameCanary) // last: a name that comes from outside is removed
			}
		}
	}
	return whole
}
