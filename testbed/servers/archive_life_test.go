//go:build scenario

package servers

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/archive/bucket"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/testbed/harness"
)

func TestLifeOfAnArchiveOnMinIO(t *testing.T) {
	l := newLife(t, harness.MinIO(t))
	l.whole()
	l.lifecycle()
}

func TestLifeOfAnArchiveOnVersitygw(t *testing.T) {
	l := newLife(t, harness.Versitygw(t))
	l.whole()
	assert.Contains(t, l.fails("archive", "lifecycle", "--apply"), "lifecycle")
}

// life is an archive in a bucket with versions and locks, whose class security is locked, and the command beside it.
type life struct {
	t        *testing.T
	dir      string
	location string
	b        *bucket.S3
	midnight time.Time // after the last day, which must be over for as long as a compactor waits
	now      time.Time
}

func newLife(t *testing.T, store *harness.ObjectStore) *life {
	c := store.MakeBucket(harness.Bucket{Name: "trail", ObjectLock: true})
	c.Prefix = "prod"
	for _, e := range store.Env() {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
	midnight := time.Now().UTC().Truncate(day).Add(-day)
	return &life{t: t, dir: t.TempDir(), location: store.Location("trail/prod"), b: open(t, c, bucket.Options{}), midnight: midnight, now: time.Now()}
}

// keytrail types a command with --archive s3://…, and the credentials in its environment.
func (l *life) keytrail(args ...string) harness.Result {
	l.t.Helper()
	return harness.Keytrail(l.t, l.dir, "", append(args, "--archive", l.location)...)
}

func (l *life) does(args ...string) string {
	l.t.Helper()
	r := l.keytrail(args...)
	require.Zero(l.t, r.Code, "%v: %s", args, r.Stderr)
	return r.Stdout
}

func (l *life) fails(args ...string) string {
	l.t.Helper()
	r := l.keytrail(args...)
	require.Equal(l.t, 1, r.Code, "%v: %s", args, r.Stdout)
	return r.Stderr
}

func (l *life) whole() {
	l.write()
	l.compacted()
	l.signed()
	l.held()
	l.erased()
	l.checked()
}

// write stores three days of three people.
func (l *life) write() {
	classes := archive.ShippedClasses()
	classes[2].Lock = archive.LockGovernance
	w := newAuthor(l.t, l.b, time.Now, classes...)
	for d := range 3 {
		for part := range 2 {
			var records []*event.Record
			for i := range 20 {
				owner, token := carol, 3
				if i%4 < 2 {
					owner, token = []string{anna, ben}[i%4], 1+i%4
				}
				at := l.midnight.Add(-time.Duration(2-d)*day - time.Duration(part*20+i+1)*time.Minute)
				records = append(records, request(d*1000+part*100+i, at, owner, token))
			}
			w.segment(records...)
		}
	}
	assert.Equal(l.t, 3*120, events(l.t, l.b, archive.Selection{}))
	assert.Contains(l.t, l.does("archive", "ls"), "18 blocks, 360 rows")
}

// compacted merges, and sweeps what was merged: the locked ones stay until their date, and are counted.
func (l *life) compacted() {
	assert.Regexp(l.t, `^merged 18 blocks into \d+ in \d+ commits; 360 rows in, 360 out, 0 double, 0 erased`, l.does("archive", "compact"))
	assert.Contains(l.t, l.does("archive", "sweep", "--dry-run"), "0 replaced blocks", "searches may be under way")
	r, err := archive.Sweep(l.t.Context(), l.b, l.now.Add(3*time.Hour))
	require.NoError(l.t, err)
	assert.Equal(l.t, 12, r.Replaced)
	assert.Equal(l.t, 6, r.Locked, "the short lock of a block that was merged")
	assert.Equal(l.t, 360, events(l.t, l.b, archive.Selection{}))
}

// signed makes a digest of what was written, as if two hours had passed.
func (l *life) signed() {
	require.NoError(l.t, os.WriteFile(filepath.Join(l.dir, "trail.pub"), []byte(l.does("archive", "keygen", "--signing-key", "trail.pem")), 0o600))
	signer, err := archive.LoadSigner(filepath.Join(l.dir, "trail.pem"))
	require.NoError(l.t, err)
	d, err := archive.Digest(l.t.Context(), l.b, signer, l.now.Add(2*time.Hour))
	require.NoError(l.t, err)
	require.Positive(l.t, d.Objects)
	assert.Contains(l.t, l.does("archive", "verify", "--public-key", "trail.pub"), "1 digests through")
}

// held places a hold, erases against it, and lifts it.
func (l *life) held() {
	l.does("archive", "hold", "add", "case-17", "--owner", ben, "--reason", "a case", "--by", "counsel")
	out := l.does("archive", "erase", "--owner", ben, "--signing-key", "trail.pem")
	assert.Regexp(l.t, `(?m)^stays +60 +case-17 +held$`, out)
	assert.Contains(l.t, out, "erased 0 rows of 0 blocks")
	assert.Regexp(l.t, `1 holds stand`, l.fails("archive", "lifecycle", "--apply"))
	assert.Equal(l.t, 90, events(l.t, l.b, archive.Selection{Owner: []string{ben}}))
	l.does("archive", "hold", "rm", "case-17", "--reason", "settled", "--by", "counsel")
	assert.Regexp(l.t, `(?m)^case-17 .* counsel +settled$`, l.does("archive", "hold", "ls", "--lifted"))
	assert.Empty(l.t, keysOfVersions(l.t, l.b, "_hold/case-17.json"), "whom it named is gone, in every version")
}

// keysOfVersions lists the versions of keys, markers left out.
func keysOfVersions(t *testing.T, b bucket.Versions, prefix string) []string {
	t.Helper()
	var list []string
	for v, err := range b.Versions(t.Context(), prefix) {
		require.NoError(t, err)
		if !v.Marker {
			list = append(list, v.Key)
		}
	}
	return list
}

var receiptOf = regexp.MustCompile(`receipt _erase/(\S+)\.receipt\.json`)

// erased erases a person while a lock, which somebody put there by hand, keeps one of the blocks.
func (l *life) erased() {
	full := keys(l.t, l.b, "v1/class=full/")
	until := time.Now().Add(90 * time.Second).UTC().Truncate(time.Second)
	require.NoError(l.t, l.b.SetLock(l.t.Context(), full[0], "", bucket.Lock{Mode: bucket.Governance, Until: until}, false))

	out := l.does("archive", "erase", "--owner", anna, "--reason", "request-7", "--signing-key", "trail.pem")
	assert.Regexp(l.t, `(?m)^stays +30 +security +locked until `, out)
	assert.Regexp(l.t, `(?m)^stays +0 +`+regexp.QuoteMeta(full[0])+` +locked until `, out)
	assert.Contains(l.t, out, "erased 60 rows of ")
	assert.Contains(l.t, out, "60 rows of earlier erasures went along", "those of the hold that was lifted")
	assert.Contains(l.t, out, "alias removed; 0 rows left")
	id := receiptOf.FindStringSubmatch(out)
	require.NotNil(l.t, id, out)
	receipt, err := archive.ReadReceipt(l.t.Context(), l.b, id[1], l.key())
	require.NoError(l.t, err)
	i := slices.IndexFunc(receipt.Stays, func(s archive.Remainder) bool { return s.What == full[0] })
	require.GreaterOrEqual(l.t, i, 0)
	assert.True(l.t, until.Equal(*receipt.Stays[i].Until))

	assert.Zero(l.t, events(l.t, l.b, archive.Selection{Owner: []string{anna}}))
	assert.EqualValues(l.t, 60, receipt.Rows)
	assert.EqualValues(l.t, 60, receipt.RowsOthers)
	assert.Equal(l.t, 30, events(l.t, l.b, archive.Selection{Fingerprints: []string{fingerprint(1)}}), "the locked skeletons")
	assert.Equal(l.t, 180, events(l.t, l.b, archive.Selection{Fingerprints: []string{fingerprint(3)}}), "the neighbour's rows")
	assert.Equal(l.t, []string{full[0]}, slices.Compact(slices.DeleteFunc(keysOfVersions(l.t, l.b, "v1/class=full/"),
		func(k string) bool { return !slices.Contains(receipt.Blocks, k) })), "of the old blocks no version is left but the locked one")
	assert.NotContains(l.t, keys(l.t, l.b, "v1/class=full/"), full[0], "and that is hidden")
	out = l.does("trail", "--owner", anna)
	assert.Empty(l.t, out)
}

func (l *life) key() archive.PublicKey {
	text, err := os.ReadFile(filepath.Join(l.dir, "trail.pub"))
	require.NoError(l.t, err)
	k, err := archive.ParsePublicKey(text)
	require.NoError(l.t, err)
	return k
}

// checked verifies and proves, now and two days on.
func (l *life) checked() {
	assert.Contains(l.t, l.does("archive", "verify", "--public-key", "trail.pub"), "2 receipts")
	assert.Contains(l.t, l.does("archive", "prove"), "2 erasures")
	p, err := archive.Prove(l.t.Context(), l.b, l.now.Add(40*time.Hour))
	require.NoError(l.t, err)
	for _, v := range p.Violations {
		assert.Contains(l.t, v.Key, "v1/class=full/", "%s: the version that was locked is free again and nobody has swept it: %s", v.Key, v.Detail)
	}
	assert.Len(l.t, p.Violations, 1)
	assert.Equal(l.t, 6, p.Locked, "merged blocks of the locked class")
	_, err = archive.Sweep(l.t.Context(), l.b, l.now.Add(40*time.Hour))
	require.NoError(l.t, err)
	assert.Equal(l.t, 180, events(l.t, l.b, archive.Selection{Fingerprints: []string{fingerprint(3)}}))

	var blocks []struct{ Key string }
	for line := range strings.Lines(l.does("archive", "ls", "--output", "json")) {
		var f struct{ Key string }
		require.NoError(l.t, json.Unmarshal([]byte(line), &f))
		blocks = append(blocks, f)
	}
	assert.NotEmpty(l.t, blocks)
}

// lifecycle sets the backstop's rules through the command.
func (l *life) lifecycle() {
	assert.Contains(l.t, l.does("archive", "lifecycle", "--apply"), "3 rules are set")
	rules, err := l.b.Lifecycle(l.t.Context())
	require.NoError(l.t, err)
	assert.Len(l.t, rules, 3)
	for _, r := range rules {
		assert.Positive(l.t, r.Noncurrent, "old versions go too")
	}
}
