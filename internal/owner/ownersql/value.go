package ownersql

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// text turns what a driver calls a value into what the directory reads. array says that the value is PostgreSQL's text
// form of an array. Errors name the rule, never the value.
func text(column string, v any, array bool) (string, error) {
	if list, ok := v.(string); ok && array {
		return arrayText(list)
	}
	switch {
	case v == nil:
		return "", nil
	case column == "sha256":
		return hashText(v)
	case moments[column]:
		return momentText(v)
	case column == "token_scopes":
		return scopesText(v)
	}
	return plain(v), nil
}

// moments are the fields that hold a time.
var moments = map[string]bool{
	"created_at": true, "expires_at": true, "revoked_at": true, "rotated_at": true, "valid_from": true, "valid_until": true,
}

func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v) // what else a driver may give: bool, uint64, float32
}

// hashText takes the 32 bytes of a binary column; no spelling of a hash as text is as short.
func hashText(v any) (string, error) {
	if b, ok := v.([]byte); ok && len(b) == 32 {
		return hex.EncodeToString(b), nil
	}
	return plain(v), nil
}

var errMoment = errors.New("must be a time, or the seconds since 1970 or a thousandth, millionth or billionth of them")

// momentText reads times as databases keep them: as times, as numbers since 1970, and the ways to write "never".
func momentText(v any) (string, error) {
	switch v := v.(type) {
	case time.Time:
		if v.IsZero() { // MySQL's 0000-00-00
			return "", nil
		}
		return plain(v), nil
	case int64:
		return epochText(float64(v))
	case float64:
		return epochText(v)
	}
	s := strings.TrimSpace(plain(v))
	if s == "infinity" { // PostgreSQL's never
		return "", nil
	}
	if n, err := strconv.ParseFloat(s, 64); err == nil { // a decimal comes as text
		return epochText(n)
	}
	return s, nil
}

func epochText(n float64) (string, error) {
	if n == 0 {
		return "", nil
	}
	unit := epochUnit(n)
	if unit == 0 {
		return "", errMoment
	}
	whole, part := math.Modf(n * (float64(unit) / float64(time.Second)))
	return plain(time.Unix(int64(whole), int64(part*float64(time.Second)))), nil
}

// epochUnit tells by its size what a number since 1970 counts: each unit reaches from 1973 to where the next begins, in
// the year 5138. Zero: it is no time.
func epochUnit(n float64) time.Duration {
	switch {
	case n >= 1e8 && n < 1e11:
		return time.Second
	case n >= 1e11 && n < 1e14:
		return time.Millisecond
	case n >= 1e14 && n < 1e17:
		return time.Microsecond
	case n >= 1e17 && n < math.MaxInt64:
		return time.Nanosecond
	}
	return 0
}

// scopesText takes a list in JSON, or text as every source writes it.
func scopesText(v any) (string, error) {
	s := strings.TrimSpace(plain(v))
	if !strings.HasPrefix(s, "[") {
		return s, nil
	}
	var list []string
	if err := json.Unmarshal([]byte(s), &list); err != nil {
		return "", errors.New("must be a list of strings")
	}
	return strings.Join(list, "\n"), nil
}

// arrayText reads the one dimension of {a,"b c",NULL}.
func arrayText(s string) (string, error) {
	bad := errors.New("must be an array of one dimension")
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return "", bad
	}
	var out strings.Builder
	inQuotes := false
	for body, i := s[1:len(s)-1], 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"':
			inQuotes = !inQuotes
		case c == '\\' && i+1 < len(body):
			i++
			out.WriteByte(body[i])
		case c == ',' && !inQuotes:
			out.WriteByte('\n')
		case (c == '{' || c == '}') && !inQuotes:
			return "", bad
		default:
			out.WriteByte(c)
		}
	}
	return out.String(), nil
}
