package loki

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/keytrail/keytrail/internal/event"
)

// The labels of a stream. Nothing else ever becomes one.
const (
	LabelService     = "service_name"
	LabelEnvironment = "deployment_environment"
	LabelClass       = "retention_class"
	LabelShard       = "fp_shard"
)

// Shards is how many streams the tokens of one service are spread over. It must never change: a search for a token
// in the entries of last week computes its shard anew.
const Shards = 64

// Values of labels where the record has none of its own to give.
const (
	unknown  = "unknown"
	overflow = "other" // beyond the cap on streams
)

// maxLabelBytes keeps a label far below Loki's bound of 2,048: a name that long is no name.
const maxLabelBytes = 256

// Labels are what a stream is called by.
type Labels struct {
	Service     string
	Environment string
	Class       string
	Shard       int
}

func labelsOf(r *event.Record, class string) Labels {
	spread := r.Attrs.Str(event.KeyFingerprint)
	if spread == "" {
		// A request without a token has no shard to be found by; its id spreads the load.
		spread = r.Attrs.Str(event.KeyEventID)
	}
	return Labels{
		Service: labelValue(r.Resource.Str(event.KeyServiceName)), Environment: labelValue(r.Resource.Str(event.KeyDeploymentEnv)),
		Class: class, Shard: Shard(spread),
	}
}

// Shard returns where entries of a fingerprint stand: its first byte modulo 64. Fingerprints are uniform, so shards
// are of one size whatever the tokens look like.
func Shard(fingerprint string) int {
	if _, digits, ok := strings.Cut(fingerprint, "_"); ok {
		fingerprint = digits
	}
	if len(fingerprint) < 2 {
		return 0
	}
	b, err := strconv.ParseUint(fingerprint[:2], 16, 8)
	if err != nil {
		return 0
	}
	return int(b) % Shards
}

// ShardLabel is the text of a shard: "00" to "63".
func ShardLabel(shard int) string { return fmt.Sprintf("%02d", shard) }

// String renders the labels as Loki parses them, in the order of their names.
func (l Labels) String() string {
	return "{" + LabelEnvironment + "=" + strconv.Quote(l.Environment) +
		", " + LabelShard + `="` + ShardLabel(l.Shard) + `"` +
		", " + LabelClass + "=" + strconv.Quote(l.Class) +
		", " + LabelService + "=" + strconv.Quote(l.Service) + "}"
}

// labelValue makes a value fit for a label: of letters, digits and a few marks that no query and no error message of
// Loki has a meaning for, bounded, and never empty, since Loki takes an empty label for none.
func labelValue(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" ._:/@-", r) {
			return r
		}
		return '_'
	}, strings.ToValidUTF8(s, "_"))
	s = strings.TrimSpace(s)
	if len(s) > maxLabelBytes {
		s = strings.ToValidUTF8(s[:maxLabelBytes], "")
	}
	if s == "" {
		return unknown
	}
	return s
}
