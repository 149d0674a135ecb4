// Package archive is the on-disk format of Keytrail's trail: sorted Parquet blocks, one set for each closed journal
// segment, made visible by one commit object, in a bucket that may be a local directory or an object store.
//
//	v1/class=<name>/dt=<event day>/<writer>-<segment>-<content hash>.parquet   the rows of one class and one day
//	v1/class=<name>/dt=<event day>/L<level>-<run>-<part>-<hash>.parquet       the same, merged of other blocks
//	_commit/<flush day>/<writer>-<segment>.json                               the commit: what makes blocks visible
//	_commit/<event day>/class=<name>-<generation>.json                        the replace-commit: merged blocks stand for others
//	_classes/<hash>.json                                                      a retention class as it was when it wrote
//	_ring/<ring>-<epoch>.json                                                 the check value of a key epoch in use
//	_alias/<xx>/<hash>.json                                                   an owner's random pseudonym, deletable
//	_writer/<writer>.json                                                     which segments stand in blocks, when their commits are swept
//	_hold/<id>.json                                                           a legal hold, and _hold/<id>.lifted.json who lifted it
//	_erase/<id>.json                                                          a tombstone: whose rows are no longer kept
//	_lease/compact.json                                                       who compacts
//
// A block holds one row for each fingerprint of an event, sorted by fingerprint, time and event id, so that one
// token's day is one run of rows: a search reads the commit, a bloom filter of 32 bytes, the page index, and the
// pages of that run. Nothing is visible before its commit and a commit never changes, so a crash at any point is
// repaired by doing the segment again: the same records give the same bytes under the same keys.
//
// Compaction merges the blocks of a class and day, and an erasure rewrites them. Both end in a replace-commit, put if
// absent under the next generation; catalog says why that never loses a row or shows one twice. What is not live any
// more, what no class keeps and no hold holds, is deleted by the sweeper and by nobody else but an erasure.
//
// The package knows nothing of the Collector.
package archive
