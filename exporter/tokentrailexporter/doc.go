// Package tokentrailexporter stores API request events and alerts: first in a journal on local disk, which is what
// an acknowledgement means, then in the blocks of the archive, by retention class. It takes nothing that was not
// redacted and acknowledges nothing that is not durable.
package tokentrailexporter

//go:generate mdatagen metadata.yaml
