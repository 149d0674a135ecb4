package ownerhttp

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/keytrail/keytrail/internal/owner"
)

// keyColumns are the directory fields that name a token.
var keyColumns = []string{"sha256", "fingerprint", "credential_id", "jwt_issuer", "jwt_subject", "jwt_client_id", "jwt_id"}

// timeColumns take a number as Unix time.
var timeColumns = []string{"valid_from", "valid_until", "created_at", "expires_at", "revoked_at", "rotated_at"}

// textColumns are the rest.
var textColumns = []string{
	"token_format", "owner_id", "owner_type", "owner_name", "owner_team", "owner_contact", "token_id", "token_name", scopesColumn,
}

// scopesColumn alone takes a list.
const scopesColumn = "token_scopes"

// rowReader makes rows of JSON values.
type rowReader struct {
	columns []string
	paths   [][]string // nil: filled by the caller
	values  int        // columns that come out of the JSON
	decoder *owner.Decoder
}

// newRowReader reads the fields given, or all under their own names; extra columns are added for the caller to fill.
func newRowReader(fields map[string]string, extra []string) (*rowReader, error) {
	r := &rowReader{}
	if len(fields) == 0 {
		for _, name := range slices.Concat(keyColumns, timeColumns, textColumns) {
			r.add(name, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if _, err := owner.NewDecoder([]string{name}); err != nil || name != strings.ToLower(strings.TrimSpace(name)) {
			return nil, fmt.Errorf("`fields` must map fields of a directory, found %q", name)
		}
		if fields[name] == "" || slices.Contains(splitPath(fields[name]), "") {
			return nil, fmt.Errorf("`fields::%s` must be a path such as owner.email, found %q", name, fields[name])
		}
		r.add(name, fields[name])
	}
	if !slices.Contains(r.columns, "owner_id") {
		return nil, errors.New("`fields` must map owner_id")
	}
	r.values = len(r.columns)
	for _, name := range extra {
		if !slices.Contains(r.columns, name) {
			r.columns, r.paths = append(r.columns, name), append(r.paths, nil)
		}
	}
	var err error
	r.decoder, err = owner.NewDecoder(r.columns)
	return r, err
}

func (r *rowReader) add(name, path string) {
	r.columns, r.paths = append(r.columns, name), append(r.paths, splitPath(path))
}

func splitPath(s string) []string { return strings.Split(s, ".") }

// has reports whether v holds the column.
func (r *rowReader) has(v *fastjson.Value, column string) bool {
	i := slices.Index(r.columns, column)
	return i >= 0 && r.paths[i] != nil && v.Exists(r.paths[i]...)
}

// texts reads the columns of one row; those without a path stay empty.
func (r *rowReader) texts(v *fastjson.Value) ([]string, error) {
	if v.Type() != fastjson.TypeObject {
		return nil, errors.New("must be an object")
	}
	out := make([]string, len(r.columns))
	for i, path := range r.paths[:r.values] {
		var err error
		if out[i], err = text(v.Get(path...), r.columns[i]); err != nil {
			return nil, fmt.Errorf("`%s` %w", r.columns[i], err)
		}
	}
	return out, nil
}

func (r *rowReader) read(v *fastjson.Value) (*owner.Row, error) {
	texts, err := r.texts(v)
	if err != nil {
		return nil, err
	}
	return r.decoder.Row(texts)
}

// text is the form a value has in a directory file: what is missing or null is empty, a number keeps its digits.
func text(v *fastjson.Value, column string) (string, error) {
	if v == nil {
		return "", nil
	}
	switch v.Type() {
	case fastjson.TypeNull:
		return "", nil
	case fastjson.TypeString:
		b, _ := v.StringBytes()
		return string(b), nil
	case fastjson.TypeTrue, fastjson.TypeFalse:
		return v.String(), nil
	case fastjson.TypeNumber:
		if slices.Contains(timeColumns, column) {
			return unixTime(v.String())
		}
		return v.String(), nil
	case fastjson.TypeArray:
		if column == scopesColumn {
			return list(v)
		}
		return "", errors.New("must be one value, found a list")
	}
	return "", errors.New("must be one value, found an object")
}

func list(v *fastjson.Value) (string, error) {
	items, _ := v.Array()
	if len(items) > owner.MaxScopes {
		return "", fmt.Errorf("must hold at most %d scopes, found %d", owner.MaxScopes, len(items))
	}
	out := make([]string, len(items))
	for i, item := range items {
		if item.Type() != fastjson.TypeString {
			return "", errors.New("must be a list of strings")
		}
		b, _ := item.StringBytes()
		out[i] = string(b)
	}
	return strings.Join(out, ","), nil
}

// firstMilli parts seconds from milliseconds: as seconds it is the year 5138, as milliseconds 1973.
const firstMilli = 100_000_000_000

// unixTime reads seconds or milliseconds; zero is the "never" of APIs written in languages without null.
func unixTime(s string) (string, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 0 || f > 1000*firstMilli {
		return "", errors.New("must be a time in seconds or milliseconds")
	}
	if f == 0 {
		return "", nil
	}
	if f >= firstMilli {
		return time.UnixMilli(int64(f)).UTC().Format(time.RFC3339Nano), nil
	}
	return time.UnixMilli(int64(f * 1000)).UTC().Format(time.RFC3339Nano), nil
}
