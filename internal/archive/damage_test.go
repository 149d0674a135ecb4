package archive

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// canary stands for a secret that a damaged file may hold where nobody expects it.
const canary = "canary-not-a-real-token"

func TestWhatCannotBeReadIsReported(t *testing.T) {
	f := func(name string, spoil func(t *testing.T, b *bucket.Directory, c *Commit), want any, found, reported int) {
		t.Run(name, func(t *testing.T) {
			b := openTemp(t)
			w := newTestWriter(t, b)
			c := write(t, w, 1, request(1, today, fp(1)))
			write(t, w, 2, request(2, today, fp(1)))
			spoil(t, b, c)
			hits, report := search1(t, b, Selection{Fingerprints: []string{fp(1)}})
			assert.Equal(t, found, len(hits), "the rest is still found")
			require.Len(t, report.Unreadable, reported)
			for _, err := range report.Unreadable {
				assert.IsType(t, want, err)
				assert.NotContains(t, err.Error(), canary)
			}
		})
	}
	block, commit := &BlockError{}, &CommitError{}
	f("a block that is gone", func(t *testing.T, b *bucket.Directory, c *Commit) {
		require.NoError(t, b.Delete(t.Context(), c.Files[0].Key))
	}, block, 3, 1)
	f("a block of other bytes", func(t *testing.T, b *bucket.Directory, c *Commit) {
		putBytes(t, b, c.Files[0].Key, []byte(canary))
	}, block, 3, 1)
	f("a damaged footer", func(t *testing.T, b *bucket.Directory, c *Commit) {
		damage(t, b, c.Files[0].Key, c.Files[0].Size-c.Files[0].FooterLength)
	}, block, 3, 1)
	f("damaged pages", func(t *testing.T, b *bucket.Directory, c *Commit) {
		for at := int64(4); at < c.Files[0].IndexOffset/2; at += 64 {
			damage(t, b, c.Files[0].Key, at)
		}
	}, block, 3, 1)
	f("a class document that is gone", func(t *testing.T, b *bucket.Directory, c *Commit) {
		require.NoError(t, b.Delete(t.Context(), classKey(c.Files[1].ClassHash)))
	}, block, 2, 2)
	f("a commit that is none", func(t *testing.T, b *bucket.Directory, c *Commit) {
		putBytes(t, b, commitKey(c.Arrived.UnixNano(), c.Writer, c.Segment), []byte(`{"version":1,`+canary))
	}, commit, 2, 1)
	f("a commit of a later version", func(t *testing.T, b *bucket.Directory, c *Commit) {
		putBytes(t, b, commitKey(c.Arrived.UnixNano(), c.Writer, c.Segment), []byte(`{"version":2}`))
	}, commit, 2, 1)
}

// FuzzBlock reads pages that were damaged: an error or rows, never a panic. The indexes are proved by their hash.
func FuzzBlock(f *testing.F) {
	b := openTemp(f)
	c := write(f, newTestWriter(f, b), 1, request(1, today, fp(1)), request(2, today, fp(2)))
	file := c.Files[0]
	data, err := b.GetRange(f.Context(), file.Key, 0, -1)
	require.NoError(f, err)
	f.Add(uint16(4), []byte{0xff})
	f.Add(uint16(file.IndexOffset/2), []byte{1, 2, 3, 4, 5})
	f.Fuzz(func(_ *testing.T, at uint16, change []byte) {
		spoiled := append([]byte(nil), data...)
		copy(spoiled[int64(at)%file.IndexOffset:file.IndexOffset], change)
		src := &source{key: "fuzz", size: int64(len(spoiled)), parts: []part{{0, spoiled}}}
		opened, err := openSource(src)
		if err != nil {
			return
		}
		s := Selection{Fingerprints: []string{fp(1)}}
		n := s.fingerprintNeedle(&file)
		_, _ = n.mayMatch(&file, src)
		rows, err := opened.find(nil, []needle{n})
		if err != nil {
			return
		}
		d := newDecoder(opened, nil)
		_, _ = d.readSafely(rows)
		_ = d.close()
	})
}
