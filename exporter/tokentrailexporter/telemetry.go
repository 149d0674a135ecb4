package tokentrailexporter

import (
	"go.opentelemetry.io/otel/attribute"
)

// destinationArchive is the journal's cursor of the archive. The name stands in the cursor file: it must not change.
const destinationArchive = "archive"

// rejection is why records were not stored: the closed set of a label.
type rejection string

const (
	rejectUnredacted   rejection = "unredacted"
	rejectUnclassified rejection = "unclassified"
	rejectEpoch        rejection = "epoch"
	rejectFull         rejection = "full"
	rejectFailed       rejection = "failed"
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
