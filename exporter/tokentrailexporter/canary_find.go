package tokentrailexporter

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// form is how a planted token was written: the closed set of a label.
type form string

const (
	formRaw     form = "raw"
	formPercent form = "percent"
	formBase64  form = "base64"
	formHex     form = "hex"
	formJSON    form = "json"
)

// needle is what betrays a planted token in one form.
type needle struct {
	form form
	text []byte
}

// needles are searched for in every record. All are long and none stands in what Keytrail itself writes.
var needles = makeNeedles(event.CanaryPrefix)

// shortestPlanted is how many digits must follow the prefix in raw form: the prefix alone may stand in a text about
// canaries, and its last letter may be the length of what follows it in an encoded record.
const shortestPlanted = 8

// findPlanted returns the first form in which a planted token stands in an encoded record, "" for none.
func findPlanted(record []byte) form {
	for i := range needles {
		if needles[i].in(record) {
			return needles[i].form
		}
	}
	return ""
}

func (n *needle) in(record []byte) bool {
	for {
		at := bytes.Index(record, n.text)
		if at < 0 {
			return false
		}
		record = record[at+len(n.text):]
		if n.form != formRaw || digitsAhead(record) {
			return true
		}
	}
}

func digitsAhead(b []byte) bool {
	if len(b) < shortestPlanted {
		return false
	}
	for _, c := range b[:shortestPlanted] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

func makeNeedles(prefix string) []needle {
	list := []needle{{formRaw, []byte(prefix)}}
	add := func(f form, text string) { list = append(list, needle{f, []byte(text)}) }
	add(formRaw, strings.ToUpper(prefix))
	percent := func(format string) string { return escapeEach(prefix, format) }
	add(formPercent, percent("%%%02x"))
	add(formPercent, percent("%%%02X"))
	add(formPercent, strings.ReplaceAll(prefix, "_", "%5f"))
	add(formPercent, strings.ReplaceAll(prefix, "_", "%5F"))
	add(formJSON, percent(`\u%04x`))
	add(formJSON, strings.ReplaceAll(prefix, "_", `\u005f`))
	add(formHex, hex.EncodeToString([]byte(prefix)))
	add(formHex, strings.ToUpper(hex.EncodeToString([]byte(prefix))))
	seen := map[string]bool{}
	for ahead := range 3 {
		for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if text := inBase64(alphabet, prefix, ahead); !seen[text] {
				seen[text] = true
				add(formBase64, text)
			}
		}
	}
	return list
}

// escapeEach writes every byte by a format.
func escapeEach(s, format string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

// The last letters of a needle in base64 leave open which letter ended the prefix, so nothing that stands for a removed
// token may begin like the prefix: the rule is called canary.

// inBase64 is the part of a text's encoding that does not depend on what stands around it, where so many bytes of the
// first group belong to what stands before.
func inBase64(alphabet *base64.Encoding, text string, ahead int) string {
	whole := alphabet.EncodeToString([]byte(strings.Repeat("x", ahead) + text))
	first := (ahead*8 + 5) / 6
	bits := (ahead + len(text)) * 8
	return whole[first : bits/6]
}
