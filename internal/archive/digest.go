package archive

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

const (
	digestPrefix  = "_digest/"
	digestVersion = 1
	digestHour    = "2006-01-02/15"
	// digestSettle is how long after an hour its digest is made: clocks differ, and a put may become visible late.
	digestSettle = 10 * time.Minute
	// digestOverlap is how far back a digest looks for what the one before could not see yet.
	digestOverlap = 2 * time.Hour
)

// digestKey is named by the last hour that the digest covers.
func digestKey(to time.Time) string {
	return digestPrefix + to.Add(-time.Hour).UTC().Format(digestHour) + ".json"
}

func publicKeyKey(id string) string { return digestPrefix + "key-" + id + ".pub" }

func isDigest(key string) bool { return strings.HasSuffix(key, ".json") }

// digestBody lists what was written in a time, and binds it to the list before, as CloudTrail's digest files do. It
// leaves out what is meant to disappear without a trace, the alias map, and what changes in place, leases.
type digestBody struct {
	Version  int            `json:"version"`
	From     time.Time      `json:"from,omitzero"` // zero in the first
	To       time.Time      `json:"to"`
	Previous *digestLink    `json:"previous,omitempty"` // absent in the first
	Objects  []DigestObject `json:"objects"`
}

// digestLink is the digest before: an altered or removed one breaks the chain.
type digestLink struct {
	Key       string `json:"key"`
	SHA256    string `json:"sha256"` // of the whole object
	Signature string `json:"signature"`
}

// DigestObject is one object as it was written.
type DigestObject struct {
	Key    string `json:"key"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	// Blocks are those that a commit makes visible, and Replaces those it takes back: what explains, once commits and
	// blocks are gone, why they are.
	Blocks   []DigestBlock `json:"blocks,omitempty"`
	Replaces []string      `json:"replaces,omitempty"`
}

// DigestBlock is a block with the time its class keeps it.
type DigestBlock struct {
	Key    string    `json:"key"`
	SHA256 string    `json:"sha256"`
	Size   int64     `json:"size"`
	Until  time.Time `json:"until"`
}

// DigestReport says what a digest covered.
type DigestReport struct {
	Key     string // empty where no hour has ended since the last one
	From    time.Time
	To      time.Time
	Objects int
	Blocks  int
}

// digestedPrefixes hold the documents that a digest lists.
var digestedPrefixes = []string{classPrefix, commitPrefix, erasePrefix, holdPrefix, ringPrefix}

// Digest writes the digest of the hours that have ended since the last one; the first covers everything there is. Of two
// collectors that do it at once one writes it, and the other finds it done. After an outage one digest covers all of it.
func Digest(ctx context.Context, b bucket.Bucket, s *Signer, now time.Time) (DigestReport, error) {
	recent, err := recentDigests(ctx, b, now)
	if err != nil {
		return DigestReport{}, err
	}
	body := digestBody{Version: digestVersion, To: now.Add(-digestSettle).UTC().Truncate(time.Hour), Objects: []DigestObject{}}
	listed := make(map[string]bool)
	since := time.Time{}
	for _, d := range recent { // newest last
		for _, o := range d.body.Objects {
			listed[o.Key] = true
		}
		body.From, body.Previous = d.body.To, &d.link
		since = d.body.To.Add(-digestOverlap)
	}
	if body.Previous != nil && !body.From.Before(body.To) {
		return DigestReport{}, nil
	}
	if body.Objects, err = collectObjects(ctx, b, since, body.To, listed); err != nil {
		return DigestReport{}, fmt.Errorf("digest: %w", err)
	}
	key := digestKey(body.To)
	if _, err := s.put(ctx, b, key, purposeDigest, body); err != nil {
		return DigestReport{}, fmt.Errorf("digest: %w", err)
	}
	r := DigestReport{Key: key, From: body.From, To: body.To, Objects: len(body.Objects)}
	for _, o := range body.Objects {
		r.Blocks += len(o.Blocks)
	}
	return r, nil
}

// storedDigest is a digest that stands, with what the next one says of it.
type storedDigest struct {
	doc  signedDocument
	body digestBody
	link digestLink
}

func readDigest(ctx context.Context, b bucket.Bucket, key string) (*storedDigest, error) {
	text, err := b.GetRange(ctx, key, 0, -1)
	if err != nil {
		return nil, err
	}
	d := &storedDigest{}
	if err := json.Unmarshal(text, &d.doc); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if err := json.Unmarshal(d.doc.Body, &d.body); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if d.body.Version != digestVersion {
		return nil, fmt.Errorf("%s: digest version %d is not known, want %d", key, d.body.Version, digestVersion)
	}
	d.link = digestLink{Key: key, SHA256: hexSum(text), Signature: d.doc.Signature}
	return d, nil
}

// recentDigests returns the last digest and those within the overlap before it, newest last.
func recentDigests(ctx context.Context, b bucket.Bucket, now time.Time) ([]*storedDigest, error) {
	keys, err := digestKeys(ctx, b, digestPrefix+now.Add(-7*day).UTC().Format(dayLayout))
	if err == nil && len(keys) == 0 {
		keys, err = digestKeys(ctx, b, "")
	}
	if err != nil {
		return nil, err
	}
	var out []*storedDigest
	for i := len(keys) - 1; i >= 0; i-- {
		d, err := readDigest(ctx, b, keys[i])
		if err != nil {
			return nil, err
		}
		out = append(out, d)
		if d.body.From.Before(out[0].body.To.Add(-digestOverlap)) {
			break
		}
	}
	slices.Reverse(out)
	return out, nil
}

func digestKeys(ctx context.Context, b bucket.Bucket, after string) ([]string, error) {
	var keys []string
	for o, err := range b.List(ctx, digestPrefix, after) {
		if err != nil {
			return nil, err
		}
		if isDigest(o.Key) {
			keys = append(keys, o.Key)
		}
	}
	return keys, nil
}

// collectObjects reads the documents written from since up to end that no earlier digest lists.
func collectObjects(ctx context.Context, b bucket.Bucket, since, end time.Time, listed map[string]bool) ([]DigestObject, error) {
	objects := []DigestObject{}
	classes := classDocuments{bucket: b}
	for _, prefix := range digestedPrefixes {
		for o, err := range b.List(ctx, prefix, "") {
			if err != nil {
				return nil, err
			}
			if o.Modified.Before(since) || !o.Modified.Before(end) || listed[o.Key] {
				continue
			}
			d, err := digestObject(ctx, b, &classes, o.Key)
			if errors.Is(err, bucket.ErrNotFound) {
				continue // swept just now
			}
			if err != nil {
				return nil, err
			}
			objects = append(objects, d)
		}
	}
	slices.SortFunc(objects, func(a, b DigestObject) int { return cmp.Compare(a.Key, b.Key) })
	return objects, nil
}

func digestObject(ctx context.Context, b bucket.Bucket, classes *classDocuments, key string) (DigestObject, error) {
	text, err := b.GetRange(ctx, key, 0, -1)
	if err != nil {
		return DigestObject{}, err
	}
	d := DigestObject{Key: key, SHA256: hexSum(text), Size: int64(len(text))}
	if !strings.HasPrefix(key, commitPrefix) {
		return d, nil
	}
	var c Commit
	if err := json.Unmarshal(text, &c); err != nil {
		return d, fmt.Errorf("%s: %w", key, err)
	}
	d.Replaces = c.Replaces
	for i := range c.Files {
		until, err := classes.until(ctx, &c.Files[i])
		if err != nil {
			return d, err
		}
		d.Blocks = append(d.Blocks, DigestBlock{c.Files[i].Key, c.Files[i].SHA256, c.Files[i].Size, until})
	}
	return d, nil
}

// until returns the moment from which the class of the block keeps it no more.
func (d *classDocuments) until(ctx context.Context, f *File) (time.Time, error) {
	class, err := d.get(ctx, f.ClassHash)
	if err != nil {
		return time.Time{}, fmt.Errorf("class of block %s: %w", f.Key, err)
	}
	on, err := f.day()
	return on.start().Add(day + class.Keep), err
}
