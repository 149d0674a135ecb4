// Package sealedstorageextension wraps another storage extension and seals what passes to it: values by AES-256-GCM,
// keys by a keyed hash. Checkpoints, queues and baselines of any component then lie encrypted on the disk, and none of
// these components has to know.
package sealedstorageextension

//go:generate mdatagen metadata.yaml
