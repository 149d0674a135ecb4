package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
)

const (
	// NonceSize of XAES-256-GCM: long enough to be drawn at random for every value a busy queue will ever write. Plain
	// AES-GCM allows 2³² random nonces a key, which a queue of ten thousand values a second reaches within five days.
	NonceSize = 24

	// HalfSize is the half of the nonce that chooses the derived key, and as much is left for AES-GCM.
	HalfSize = NonceSize / 2

	// Overhead is what sealing adds to a plaintext besides the nonce.
	Overhead = 16
)

// xaes is XAES-256-GCM (C2SP): the first half of the nonce and the key give a key for AES-256-GCM, whose nonce is the
// second half.
type xaes struct {
	block  cipher.Block
	subkey [aes.BlockSize]byte // K1 of CMAC
}

func newXAES(key []byte) (*xaes, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	x := &xaes{block: block}
	block.Encrypt(x.subkey[:], x.subkey[:])
	var msb byte
	for i := len(x.subkey) - 1; i >= 0; i-- {
		msb, x.subkey[i] = x.subkey[i]>>7, x.subkey[i]<<1|msb
	}
	x.subkey[len(x.subkey)-1] ^= msb * 0b10000111
	return x, nil
}

// aead returns the AES-256-GCM of one nonce's first half.
func (x *xaes) aead(half []byte) (cipher.AEAD, error) {
	var key [KeySize]byte
	for i := range 2 {
		b := key[i*aes.BlockSize : (i+1)*aes.BlockSize]
		b[1], b[2] = byte(i+1), 'X'
		copy(b[4:], half)
		subtle.XORBytes(b, b, x.subkey[:])
		x.block.Encrypt(b, b)
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// seal appends a fresh nonce and the sealed plaintext to dst.
func (x *xaes) seal(dst, plaintext, aad []byte) ([]byte, error) {
	var nonce [NonceSize]byte
	_, _ = rand.Read(nonce[:]) // never fails
	return x.sealWith(nonce, append(dst, nonce[:]...), plaintext, aad)
}

func (x *xaes) sealWith(nonce [NonceSize]byte, dst, plaintext, aad []byte) ([]byte, error) {
	a, err := x.aead(nonce[:HalfSize])
	if err != nil {
		return nil, err
	}
	return a.Seal(dst, nonce[HalfSize:], plaintext, aad), nil
}

// open undoes seal.
func (x *xaes) open(sealed, aad []byte) ([]byte, error) {
	if len(sealed) < NonceSize {
		return nil, ErrNotAuthentic
	}
	a, err := x.aead(sealed[:HalfSize])
	if err != nil {
		return nil, err
	}
	plain, err := a.Open(nil, sealed[HalfSize:NonceSize], sealed[NonceSize:], aad)
	if err != nil {
		return nil, ErrNotAuthentic
	}
	return plain, nil
}
