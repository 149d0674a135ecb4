package archive

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// signedDocument is a document with a signature over its exact bytes.
type signedDocument struct {
	Body      json.RawMessage `json:"body"`
	Key       string          `json:"key"`       // id of the public key
	Signature string          `json:"signature"` // base64 of Ed25519 over the purpose, a zero byte and body
}

// What a signature is for is signed along, so that none can be moved to another kind of document.
const (
	purposeDigest  = "keytrail digest"
	purposeReceipt = "keytrail erasure receipt"
)

func signedText(purpose string, body []byte) []byte { return append([]byte(purpose+"\x00"), body...) }

// sign returns the document of body.
func (s *Signer) sign(purpose string, body any) (*signedDocument, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	sig := ed25519.Sign(s.key, signedText(purpose, text))
	return &signedDocument{Body: text, Key: s.id, Signature: base64.StdEncoding.EncodeToString(sig)}, nil
}

var errSignature = errors.New("signature does not fit the document")

// check verifies the signature and reads the body.
func (d *signedDocument) check(ctx context.Context, keys *keyBook, purpose string, body any) error {
	key, err := keys.get(ctx, d.Key)
	if err != nil {
		return fmt.Errorf("signature: %w", err)
	}
	sig, err := base64.StdEncoding.DecodeString(d.Signature)
	if err != nil || !ed25519.Verify(key.key, signedText(purpose, d.Body), sig) {
		return errSignature
	}
	return json.Unmarshal(d.Body, body)
}

// put stores a signed document together with the key that proves it.
func (s *Signer) put(ctx context.Context, b bucket.Bucket, key, purpose string, body any) (created bool, err error) {
	doc, err := s.sign(purpose, body)
	if err != nil {
		return false, fmt.Errorf("%s: %w", key, err)
	}
	if err := s.Publish(ctx, b); err != nil {
		return false, err
	}
	return putDocument(ctx, b, key, doc)
}
