//go:build !linux

package journal

func (f osFile) Datasync() error { return f.Sync() }

func (f osFile) Preallocate(size int64) error { return f.zeroFill(size) }
