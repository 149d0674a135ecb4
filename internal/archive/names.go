package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Where things stand in the bucket. Names that begin with an underscore are hidden from query engines.
const (
	dataPrefix   = "v1/"
	commitPrefix = "_commit/"
	classPrefix  = "_classes/"
	ringPrefix   = "_ring/"
	aliasPrefix  = "_alias/"
)

func dataKey(class string, d eventDay, writer string, segment uint64, sum [32]byte) string {
	return fmt.Sprintf("%sclass=%s/dt=%s/%s-%012d-%x.parquet", dataPrefix, class, d, writer, segment, sum[:8])
}

// commitKey is the same whenever the segment is written, today or after a crash tomorrow: its day is that of the
// newest arrival in the segment, not of the clock.
func commitKey(arrived int64, writer string, segment uint64) string {
	return fmt.Sprintf("%s%s/%s-%012d.json", commitPrefix, dayOf(arrived), writer, segment)
}

func classKey(hash string) string { return classPrefix + hash + ".json" }

// ringKey hashes the ring's name, which people choose and which need not be a valid part of a key.
func ringKey(ring string, epoch int) string {
	return fmt.Sprintf("%s%s-%d.json", ringPrefix, shortHash(ring), epoch)
}

func aliasKey(owner string) string {
	sum := sha256.Sum256([]byte("owner\x00" + owner))
	h := hex.EncodeToString(sum[:])
	return aliasPrefix + h[:2] + "/" + h + ".json"
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}
