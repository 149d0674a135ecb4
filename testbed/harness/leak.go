package harness

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// Forms returns the ways a credential could stand in an output: as it is, percent-encoded, in base64 at each of the
// three alignments, in hex, and JSON-escaped.
func Forms(credential string) []string {
	b := []byte(credential)
	forms := []string{credential, url.QueryEscape(credential), url.PathEscape(credential), allPercent(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b))}
	if j, err := json.Marshal(credential); err == nil {
		forms = append(forms, string(j[1:len(j)-1]))
	}
	for skip := range 3 {
		// The first and last group depend on the neighbours; what lies between does not.
		if n := (len(b) - skip) / 3 * 3; n >= 6 {
			mid := b[skip : skip+n]
			forms = append(forms, base64.StdEncoding.EncodeToString(mid), base64.URLEncoding.EncodeToString(mid))
		}
	}
	return forms
}

func allPercent(b []byte) string {
	var sb strings.Builder
	for _, c := range b {
		fmt.Fprintf(&sb, "%%%02X", c)
	}
	return sb.String()
}

// NoLeak fails the test where any form of any credential stands in text.
func NoLeak(t testing.TB, where, text string, credentials ...string) {
	t.Helper()
	for _, found := range index(credentials).in(text) {
		t.Errorf("credential %d leaks into %s in form %d", found.credential, where, found.form)
	}
}

// form is one way in which one credential could stand in a text.
type form struct {
	text             string
	credential, form int
}

// forms are the forms of many credentials by how they begin, so that a text is read once however many there are.
type forms map[[formHead]byte][]form

// formHead is shorter than every form of a credential that can be told from an ordinary word.
const formHead = 8

func index(credentials []string) forms {
	all := forms{}
	for i, c := range credentials {
		for j, f := range Forms(c) {
			if len(f) < formHead {
				continue
			}
			head := [formHead]byte([]byte(f[:formHead]))
			all[head] = append(all[head], form{f, i, j})
		}
	}
	return all
}

func (all forms) in(text string) []form {
	var found []form
	for i := 0; i+formHead <= len(text); i++ {
		for _, f := range all[[formHead]byte([]byte(text[i:i+formHead]))] {
			if strings.HasPrefix(text[i:], f.text) {
				found = append(found, f)
			}
		}
	}
	return found
}

// NoLeakBelow looks through every file below dir, decompressed where it is Parquet, since a compressed page hides
// what it holds.
func NoLeakBelow(t testing.TB, dir string, credentials ...string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		NoLeak(t, path, string(b), credentials...)
		if strings.HasSuffix(path, ".parquet") {
			NoLeak(t, path+" (decompressed)", string(inflate(b)), credentials...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatalf("nothing to look through below %s", dir)
	}
}

// inflate returns what every zstd frame in b holds, found by its magic number.
func inflate(b []byte) []byte {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil
	}
	defer dec.Close()
	magic := []byte{0x28, 0xb5, 0x2f, 0xfd}
	var out []byte
	for {
		i := bytes.Index(b, magic)
		if i < 0 {
			return out
		}
		b = b[i:]
		next := bytes.Index(b[4:], magic)
		frame := b
		if next >= 0 {
			frame = b[:4+next]
		}
		// A page may end before the next frame begins: what decoded until then counts.
		plain, _ := dec.DecodeAll(frame, nil)
		out = append(out, plain...)
		b = b[4:]
	}
}
