// Package journal is the durable queue between an acknowledgement and a block: append, group commit, cursors.
//
// A journal is a directory (0700) that one process writes, under a file lock, and any process may read without it:
//
//	lock                         held by the writer
//	writer                       the ULID of this journal, for good
//	cursors                      how far each destination has come, replaced atomically
//	00000000000000000042.seg     segments, 0600, named by their sequence number
//	quarantine/                  copies of segments that held a bad record
//
// A segment is a header and records, all numbers little endian:
//
//	"KTJRNL\n" version u8 | seq u64 | writer 16 | crc32c u32 | 0 u32 | seal | {len u32, crc32c u32, payload}…
//	seal = size u64 | records u64 | first unix ns u64 | crc32c u32 | 0 u32      all zero while the segment is live
//
// A journal with keys writes version 2: the header is followed by key id 8 | nonce half 12 | crc32c u32, and each payload
// is sealed (docs/journal.md). Both versions are read, whatever is written now.
//
// Payloads are opaque. A length of zero is the preallocated rest of a live segment. The seal says that a segment
// is closed and where it ends; what has no valid seal was live when its writer died and is scanned.
//
// One goroutine writes and syncs for everybody who waits (group commit). The next segment exists, allocated and
// with its directory synced, before the first record goes into it, so that a full disk refuses before anything is
// acknowledged. A failed write is cut off again; after a failed sync nobody can say what the disk holds, so the
// journal refuses until it is opened anew.
//
// Sequence numbers are never used twice under one writer: whoever stores a segment under (writer, seq) may take
// an existing (writer, seq) for the same content.
package journal
