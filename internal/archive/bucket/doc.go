// Package bucket is the little that the archive asks of a store of objects: atomic and durable puts, conditional ones,
// reads of ranges, lists in order of key. A local directory and S3 answer it.
package bucket
