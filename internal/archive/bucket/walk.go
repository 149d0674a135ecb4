package bucket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// List walks the objects under prefix in order of key.
func (d *Directory) List(ctx context.Context, prefix, startAfter string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		w := walk{ctx: ctx, root: d.root, prefix: prefix, after: startAfter, yield: yield}
		w.dir("")
	}
}

// walk visits a tree in the order of its keys, which differs from the order of its names: "a/b" sorts after "a-b".
type walk struct {
	ctx           context.Context
	root          string
	prefix, after string
	yield         func(Object, error) bool
}

// dir reports whether the walk goes on.
func (w *walk) dir(under string) bool {
	if err := w.ctx.Err(); err != nil {
		return w.yield(Object{}, err) && false
	}
	entries, err := os.ReadDir(filepath.Join(w.root, filepath.FromSlash(under)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return w.yield(Object{}, fmt.Errorf("list %q: %w", under, err)) && false
	}
	for _, key := range w.keys(under, entries) {
		if sub, isDir := strings.CutSuffix(key, "/"); isDir {
			if !w.dir(sub + "/") {
				return false
			}
		} else if !w.object(key) {
			return false
		}
	}
	return true
}

// keys returns the keys that entries stand for, directories with a slash at the end, without what cannot hold a match.
func (w *walk) keys(under string, entries []fs.DirEntry) []string {
	keys := make([]string, 0, len(entries))
	for _, e := range entries {
		key := under + e.Name()
		if checkKey(key) != nil {
			continue
		}
		if e.IsDir() {
			key += "/"
			if !strings.HasPrefix(key, w.prefix) && !strings.HasPrefix(w.prefix, key) {
				continue
			}
			if key < w.after && !strings.HasPrefix(w.after, key) {
				continue
			}
		} else if !strings.HasPrefix(key, w.prefix) || key <= w.after || !e.Type().IsRegular() {
			continue
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func (w *walk) object(key string) bool {
	info, err := os.Lstat(filepath.Join(w.root, filepath.FromSlash(key)))
	if errors.Is(err, fs.ErrNotExist) {
		return true // deleted since the directory was read
	}
	if err != nil {
		return w.yield(Object{}, fmt.Errorf("list %s: %w", key, err)) && false
	}
	return w.yield(Object{Key: key, Size: info.Size(), Modified: info.ModTime(), ETag: etag(info)}, nil)
}
