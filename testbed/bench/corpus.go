package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway"
)

// corpora is where the gateways' own shapes lie: bench/<format>.* is one typical record, <format>/*.txtar are the
// stories of the golden test.
const corpora = "internal/gateway/testdata"

// repository is the folder of the module: the bench reads the corpora from it.
func repository() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "builder-config.yaml")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return "", errors.Join(err, errors.New("no builder-config.yaml above the working directory"))
}

// corpus returns the records of a format that become events: the typical one, else all of the stories.
func corpus(root, format string) ([][]byte, error) {
	typical, err := filepath.Glob(filepath.Join(root, corpora, "bench", format+".*"))
	if err != nil {
		return nil, err
	}
	stories, err := filepath.Glob(filepath.Join(root, corpora, format, "*.txtar"))
	if err != nil {
		return nil, err
	}
	var bodies [][]byte
	for _, path := range typical {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, b)
	}
	for _, path := range stories {
		if len(typical) > 0 {
			break
		}
		b, err := story(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		bodies = append(bodies, b)
	}
	return accepted(format, bodies)
}

// story is what the gateway sends in a golden case; nothing where the case needs a mapping of its own.
func story(path string) ([]byte, error) {
	a, err := txtar.ParseFile(path)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, f := range a.Files {
		files[f.Name] = f.Data
	}
	var config struct {
		Mapping map[string]string `yaml:"mapping"`
	}
	if err := yaml.Unmarshal(files["config.yaml"], &config); err != nil || len(config.Mapping) > 0 {
		return nil, err
	}
	return files["in"], nil
}

// maxTypical is more than an ordinary request is written in; a longer record is a story about a limit.
const maxTypical = 8 << 10

// accepted leaves out what the golden cases hold to be rejected.
func accepted(format string, bodies [][]byte) ([][]byte, error) {
	p, err := gateway.New(format, gateway.Options{})
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for _, body := range bodies {
		bundle, err := gateway.Open(body, gateway.OpenLimits{})
		if err != nil {
			continue // a story of a body that is refused as a whole
		}
		for _, rec := range bundle.Records {
			var r event.Record
			if rec.Reject != "" || len(rec.Raw) > maxTypical {
				continue
			}
			if _, err := p.Parse(rec.Raw, &r); err == nil {
				out = append(out, rec.Raw)
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no corpus: %[1]s/bench/%[2]s.* and %[1]s/%[2]s/*.txtar hold no record that is accepted", corpora, format)
	}
	return out, nil
}

// batchOf is a body of n records that differ as a gateway's do: in ids and tokens.
func batchOf(records [][]byte, n int) []byte {
	var b []byte
	for i := range n {
		b = append(append(b, vary(records[i%len(records)], i)...), '\n')
	}
	return b
}

const (
	minVaried  = 12
	maxVaried  = 64 // longer runs are encodings of something, which must stay whole
	minFigures = 4
	minLetters = 3
	varied     = 6
)

// vary writes n over the end of every run of letters and figures that is long enough for an id or a token and has
// several of both: times, addresses, numbers and most names have not. Names of fields stay.
func vary(record []byte, n int) []byte {
	out := slices.Clone(record)
	for i := 0; i < len(out); {
		j, letters, figures := i, 0, 0
		for ; j < len(out) && isWord(out[j]); j++ {
			switch c := out[j]; {
			case c >= '0' && c <= '9':
				figures++
			case c != '-' && c != '_':
				letters++
			}
		}
		long := j-i >= minVaried && j-i <= maxVaried
		if long && letters >= minLetters && figures >= minFigures && !isName(out[j:]) {
			copy(out[j-varied:j], fmt.Appendf(nil, "%0*d", varied, n%1_000_000))
		}
		i = j + 1
	}
	return out
}

// isName reports whether what stands before rest is a field's name, in JSON or logfmt.
func isName(rest []byte) bool {
	after, quoted := bytes.CutPrefix(rest, []byte(`"`))
	return bytes.HasPrefix(rest, []byte("=")) || quoted && bytes.HasPrefix(bytes.TrimLeft(after, " "), []byte(":"))
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_'
}
