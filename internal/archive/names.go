package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Where things stand in the bucket. Names that begin with an underscore are hidden from query engines.
const (
	dataPrefix   = "v1/"
	commitPrefix = "_commit/"
	classPrefix  = "_classes/"
	ringPrefix   = "_ring/"
	aliasPrefix  = "_alias/"
	holdPrefix   = "_hold/"
	writerPrefix = "_writer/"
	leaseKey     = "_lease/compact.json"
)

func dataKey(class string, d eventDay, writer string, segment uint64, sum [32]byte) string {
	return fmt.Sprintf("%sclass=%s/dt=%s/%s-%012d-%x.parquet", dataPrefix, class, d, writer, segment, sum[:8])
}

// commitKey is the same whenever the segment is written, today or after a crash tomorrow: its day is that of the
// newest arrival in the segment, not of the clock.
func commitKey(arrived int64, writer string, segment uint64) string {
	return fmt.Sprintf("%s%s/%s-%012d.json", commitPrefix, dayOf(arrived), writer, segment)
}

// mergedKey is the key of a block that was made of others. The run's random id keeps it from ever being the key of a
// block that an earlier run made of the same rows and that a sweep is about to delete.
func mergedKey(u unit, level int, run string, part int, sum string) string {
	return fmt.Sprintf("%sclass=%s/dt=%s/L%d-%s-%04d-%s.parquet", dataPrefix, u.class, u.day, level, run, part, sum[:16])
}

// replaceKey names a generation of a class and day. The equals sign keeps it apart from every writer's name.
func replaceKey(u unit, generation uint64) string {
	return fmt.Sprintf("%s%012d.json", replacePrefix(u), generation)
}

func replacePrefix(u unit) string { return fmt.Sprintf("%s%s/class=%s-", commitPrefix, u.day, u.class) }

func parseReplaceKey(key string) (u unit, generation uint64, ok bool) {
	rest, ok := strings.CutPrefix(key, commitPrefix)
	if !ok {
		return unit{}, 0, false
	}
	d, name, _ := strings.Cut(rest, "/class=")
	class, number, _ := strings.Cut(strings.TrimSuffix(name, ".json"), "-")
	generation, err := strconv.ParseUint(number, 10, 64)
	return unit{class, d}, generation, err == nil && class != ""
}

func writerKey(writer string) string { return writerPrefix + writer + ".json" }

func holdKey(id string) string { return holdPrefix + id + ".json" }

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
