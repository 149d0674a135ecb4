// Package seal is the one cipher of what Keytrail writes to disks encrypted: XAES-256-GCM of the C2SP specification
// (ADR 004), the keys it takes and the ids by which what was sealed names its key.
//
// A master key is 32 random bytes. Every use derives its own cipher key and key id from it under a label, so that two
// uses of one master neither open nor recognise each other's values. An id tells which key is wanted and nothing of
// the key. What is sealed, and where the id stands in it, is the format of the user of this package.
package seal
