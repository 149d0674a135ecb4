package archive

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// Signer signs digests and receipts with the archive's Ed25519 key. The private key stays in a file on the machine that
// signs; the public one stands in the archive for whoever verifies.
type Signer struct {
	id  string
	key ed25519.PrivateKey
}

// Types of the PEM blocks, as OpenSSL writes them.
const (
	privatePEM = "PRIVATE KEY"
	publicPEM  = "PUBLIC KEY"
)

// CreateSigner makes a key and writes it, for its owner alone, to a file that must not exist.
func CreateSigner(path string) (*Signer, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	_, err = f.Write(pem.EncodeToMemory(&pem.Block{Type: privatePEM, Bytes: der}))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("signing key: %w", err), os.Remove(path))
	}
	return &Signer{id: keyID(public), key: private}, nil
}

// LoadSigner reads a key that CreateSigner, or OpenSSL, wrote. A file that others can read is refused: whoever has the
// key can make digests of an archive he altered. Its group may read it, which is how Kubernetes mounts a secret.
func LoadSigner(path string) (*Signer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o027 != 0 {
		return nil, fmt.Errorf("signing key %s must not be readable by others nor writable by its group, found mode %04o", path, mode)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != privatePEM {
		return nil, fmt.Errorf("signing key %s must be a PEM block of type %q", path, privatePEM)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("signing key %s is not in PKCS 8 form", path)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("signing key %s must be of Ed25519, found %T", path, parsed)
	}
	return &Signer{id: keyID(key.Public().(ed25519.PublicKey)), key: key}, nil
}

// ID names the key: the beginning of the SHA-256 of its public half.
func (s *Signer) ID() string { return s.id }

// Public returns the public half as the archive keeps it.
func (s *Signer) Public() []byte { return publicText(s.key.Public().(ed25519.PublicKey)) }

// Publish puts the public half into the archive.
func (s *Signer) Publish(ctx context.Context, b bucket.Bucket) error {
	text := s.Public()
	err := b.Put(ctx, publicKeyKey(s.id), bytes.NewReader(text), int64(len(text)), bucket.PutOptions{IfAbsent: true})
	if errors.Is(err, bucket.ErrExists) {
		return nil
	}
	return err
}

func keyID(k ed25519.PublicKey) string {
	sum := sha256.Sum256(k)
	return hex.EncodeToString(sum[:8])
}

func publicText(k ed25519.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		panic(err) // only a type it does not know is an error
	}
	return pem.EncodeToMemory(&pem.Block{Type: publicPEM, Bytes: der})
}

// PublicKey is a key that signatures are checked with.
type PublicKey struct {
	ID  string
	key ed25519.PublicKey
}

// ParsePublicKey reads the PEM text of a public key.
func ParsePublicKey(text []byte) (PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != publicPEM {
		return PublicKey{}, fmt.Errorf("public key must be a PEM block of type %q", publicPEM)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return PublicKey{}, errors.New("public key is not in PKIX form")
	}
	key, ok := parsed.(ed25519.PublicKey)
	if !ok {
		return PublicKey{}, fmt.Errorf("public key must be of Ed25519, found %T", parsed)
	}
	return PublicKey{ID: keyID(key), key: key}, nil
}

// keyBook looks up the public keys that an archive names. Keys that were given are trusted and nothing else then; without
// any, the archive's own are, which shows damage but not a forger who can write to the bucket.
type keyBook struct {
	bucket bucket.Bucket
	pinned []PublicKey
	known  map[string]PublicKey
}

var errUntrusted = errors.New("signed by a key that is not trusted")

func (k *keyBook) get(ctx context.Context, id string) (PublicKey, error) {
	for _, p := range k.pinned {
		if p.ID == id {
			return p, nil
		}
	}
	if len(k.pinned) > 0 {
		return PublicKey{}, fmt.Errorf("key %q: %w", id, errUntrusted)
	}
	if p, ok := k.known[id]; ok {
		return p, nil
	}
	if !validKeyID(id) {
		return PublicKey{}, fmt.Errorf("key id must be 16 hexadecimal digits, found %q", id)
	}
	text, err := k.bucket.GetRange(ctx, publicKeyKey(id), 0, -1)
	if err != nil {
		return PublicKey{}, err
	}
	p, err := ParsePublicKey(text)
	if err == nil && p.ID != id {
		err = fmt.Errorf("%s holds key %s", publicKeyKey(id), p.ID)
	}
	if err != nil {
		return PublicKey{}, err
	}
	if k.known == nil {
		k.known = make(map[string]PublicKey)
	}
	k.known[id] = p
	return p, nil
}

func validKeyID(id string) bool {
	b, err := hex.DecodeString(id)
	return err == nil && len(b) == 8
}
