package tokentrailexporter

import (
	"go.opentelemetry.io/otel/attribute"
)

// The destinations' cursors in the journal. The names stand in the cursor file: they must not change.
const (
	destinationArchive = "archive"
	destinationLoki    = "loki"
)

// rejection is why records were not stored: the closed set of a label.
type rejection string

const (
	rejectUnredacted   rejection = "unredacted"
	rejectUnclassified rejection = "unclassified"
	rejectEpoch        rejection = "epoch"
	rejectFull         rejection = "full"
	rejectFailed       rejection = "failed"
	rejectLeak         rejection = "leak"
)

func (r rejection) set() attribute.Set {
	return attribute.NewSet(attribute.String("reason", string(r)))
}

func destinationSet(name string) attribute.Set {
	return attribute.NewSet(attribute.String("destination", name))
}

func classSet(name string) attribute.Set {
	return attribute.NewSet(attribute.String("class", name))
}

// outcomeSet is a destination with why it refused or failed.
func outcomeSet(destination, reason string) attribute.Set {
	return attribute.NewSet(attribute.String("destination", destination), attribute.String("reason", reason))
}

func taskSet(name string) attribute.Set {
	return attribute.NewSet(attribute.String("task", name))
}
