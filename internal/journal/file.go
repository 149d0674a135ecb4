package journal

import (
	"errors"
	"io"
	"os"
	"runtime"
)

// file is what the committer needs of a segment file; tests put one in between that fails.
type file interface {
	io.WriterAt
	Datasync() error              // content and size are on stable storage
	Truncate(size int64) error    //
	Preallocate(size int64) error // the file is this long and every byte of it has its place on the disk
	Close() error
}

type osFile struct{ *os.File }

func createFile(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// zeroFill is how a file is preallocated where the file system cannot do it by itself.
func (f osFile) zeroFill(size int64) error {
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	zero := make([]byte, 1<<20)
	for off := fi.Size(); off < size; {
		n, err := f.WriteAt(zero[:min(int64(len(zero)), size-off)], off)
		if err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}

// syncDir makes the names in dir durable. Windows has no such call and needs none.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

// replaceFile puts content under path so that a crash leaves the old or the new content, never a mix.
func replaceFile(path string, content []byte) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = os.Remove(tmp) // on a full disk it holds room that is needed
	}
	return err
}

// overwriteFile writes over the content of a file that is there already.
func overwriteFile(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
