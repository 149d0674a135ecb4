package seal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// DecodeKey reads a master key from its text: 32 random bytes in base64. Its errors tell nothing of the key; they
// are to stand behind the name of the configuration key.
func DecodeKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil { // the decoder's error is left out: it is about a secret
		return nil, fmt.Errorf("must be %d bytes in base64, found other characters", KeySize)
	}
	if len(key) != KeySize {
		return nil, fmt.Errorf("must be %d bytes in base64, found %d bytes", KeySize, len(key))
	}
	if bytes.Count(key, key[:1]) == KeySize {
		return nil, errors.New("must be random, found one byte repeated")
	}
	return key, nil
}

// maxKeyFile is far more than a key and white space take: a larger file is not a key file, whatever it is.
const maxKeyFile = 4 << 10

// ReadKey reads a master key from a file that holds nothing else. The file must be closed to others; its group may
// read it, which is how Kubernetes mounts a secret.
func ReadKey(path string) ([]byte, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	if mode := fi.Mode().Perm(); runtime.GOOS != "windows" && mode&0o027 != 0 {
		return nil, fmt.Errorf("key file %s must not be readable by others or writable by its group, found mode %04o", path, mode)
	}
	if fi.Size() > maxKeyFile {
		return nil, fmt.Errorf("key file %s must have at most %d bytes, found %d", path, maxKeyFile, fi.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	key, err := DecodeKey(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("key file %s %w", path, err)
	}
	return key, nil
}
