package fingerprint

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxRingBytes bounds what is read as a key ring: 65,535 epochs would not fit, a thousand rotations do.
const maxRingBytes = 1 << 20

// ringName is what a ring may be called: the name stands in every event's scope and in object keys.
var ringName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// ringFile is the key ring on disk.
type ringFile struct {
	Ring string    `yaml:"ring"`
	Keys []keyFile `yaml:"keys"`
}

type keyFile struct {
	Epoch       int           `yaml:"epoch"`
	Secret      encodedSecret `yaml:"secret,omitempty"`
	Check       string        `yaml:"kcv"`
	Created     time.Time     `yaml:"created"`
	NotBefore   time.Time     `yaml:"not_before"`
	Retired     time.Time     `yaml:"retired,omitempty"`
	Compromised time.Time     `yaml:"compromised,omitempty"`
	Destroyed   time.Time     `yaml:"destroyed,omitempty"`
}

// encodedSecret is a secret in base64 on its way to or from the file. YAML writes its text; nothing else prints it.
type encodedSecret string

func (encodedSecret) String() string               { return redacted }
func (encodedSecret) GoString() string             { return redacted }
func (encodedSecret) Format(s fmt.State, _ rune)   { _, _ = io.WriteString(s, redacted) }
func (encodedSecret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (encodedSecret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// Parse reads a key ring as it stands at now. It is for bytes that do not come from a file of their own; Load also
// checks who may read the file.
func Parse(data []byte, now time.Time) (*Ring, error) {
	id, keys, err := parseKeys(data)
	if err != nil {
		return nil, err
	}
	r := newRing(id, keys, now)
	if r == nil {
		return nil, errors.New("`keys` holds no epoch that is not destroyed")
	}
	return r, nil
}

func parseKeys(data []byte) (id string, keys []*key, err error) {
	f, err := decodeRing(data)
	if err != nil {
		return "", nil, err
	}
	if !ringName.MatchString(f.Ring) {
		return "", nil, errors.New("`ring` must be 1 to 64 letters, digits, - or _")
	}
	if len(f.Keys) == 0 {
		return "", nil, errors.New("`keys` must hold at least one epoch")
	}
	keys = make([]*key, 0, len(f.Keys))
	for i := range f.Keys {
		k, err := f.Keys[i].key()
		if err != nil {
			return "", nil, fmt.Errorf("keys[%d]: %w", i, err)
		}
		if err := follows(keys, k); err != nil {
			return "", nil, fmt.Errorf("keys[%d]: %w", i, err)
		}
		keys = append(keys, k)
	}
	return f.Ring, keys, nil
}

var yamlLine = regexp.MustCompile(`line \d+`)

// decodeRing never passes on what the YAML library says: it quotes the file, and the file is made of secrets.
func decodeRing(data []byte) (ringFile, error) {
	var f ringFile
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true) // a misspelt not_before must not pass for an absent one
	err := dec.Decode(&f)
	if err == nil {
		if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
			return f, errors.New("not a key ring: more than one YAML document")
		}
		return f, nil
	}
	if line := yamlLine.FindString(err.Error()); line != "" {
		return f, fmt.Errorf("not a key ring: wrong type, unknown key or bad YAML at %s", line)
	}
	return f, errors.New("not a key ring: empty or bad YAML")
}

func (f *keyFile) key() (*key, error) {
	if f.Epoch < 1 || f.Epoch > maxEpoch {
		return nil, fmt.Errorf("`epoch` must be between 1 and %d, found %d", maxEpoch, f.Epoch)
	}
	k := &key{
		epoch: uint16(f.Epoch), check: f.Check, created: f.Created.UTC(), notBefore: f.NotBefore.UTC(),
		marks: marks{Retired: f.Retired.UTC(), Compromised: f.Compromised.UTC(), Destroyed: f.Destroyed.UTC()},
	}
	if f.NotBefore.IsZero() {
		return nil, errors.New("`not_before` must be a time")
	}
	if !f.Destroyed.IsZero() {
		if f.Secret != "" {
			return nil, errors.New("`secret` must be absent from a destroyed epoch")
		}
		return k, nil
	}
	raw, err := base64.StdEncoding.DecodeString(string(f.Secret))
	if err != nil {
		return nil, errors.New("`secret` must be base64")
	}
	if len(raw) < minSecret || len(raw) > maxSecret {
		return nil, fmt.Errorf("`secret` must be %d to %d bytes, found %d", minSecret, maxSecret, len(raw))
	}
	if bytes.Count(raw, raw[:1]) == len(raw) {
		return nil, errors.New("`secret` must be random, found one byte repeated")
	}
	k.secret = raw
	if want := checkValue(k.secret, k.epoch); f.Check != want {
		return nil, fmt.Errorf("`kcv` must be that of the secret (%s), found %q", want, bound(f.Check))
	}
	k.arm()
	return k, nil
}

// bound keeps a secret that was pasted in the wrong line out of an error.
func bound(s string) string {
	if len(s) > 2*checkLen {
		return fmt.Sprintf("%d bytes", len(s))
	}
	return s
}

// follows refuses what would make the order of epochs doubtful.
func follows(before []*key, k *key) error {
	if len(before) == 0 {
		return nil
	}
	last := before[len(before)-1]
	if k.epoch <= last.epoch {
		return fmt.Errorf("`epoch` must be above the one before (%d), found %d", last.epoch, k.epoch)
	}
	if k.notBefore.Before(last.notBefore) {
		return fmt.Errorf("`not_before` must not be before that of epoch %d (%s), found %s",
			last.epoch, last.notBefore.Format(time.RFC3339), k.notBefore.Format(time.RFC3339))
	}
	for _, b := range before {
		if b.secret != nil && bytes.Equal(b.secret, k.secret) {
			return fmt.Errorf("`secret` must differ from that of epoch %d", b.epoch)
		}
	}
	return nil
}

const ringHeader = "# Keytrail key ring. Who has this file can test guesses of every token in the archive: keep it from others,\n" +
	"# keep a copy of it safe, and change it with `keytrail keys` only.\n"

func encodeRing(id string, keys []*key) ([]byte, error) {
	f := ringFile{Ring: id, Keys: make([]keyFile, len(keys))}
	for i, k := range keys {
		f.Keys[i] = keyFile{
			Epoch: int(k.epoch), Secret: encodedSecret(base64.StdEncoding.EncodeToString(k.secret)), Check: k.check,
			Created: k.created, NotBefore: k.notBefore,
			Retired: k.marks.Retired, Compromised: k.marks.Compromised, Destroyed: k.marks.Destroyed,
		}
	}
	b, err := yaml.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encode the key ring: %w", err)
	}
	return append([]byte(ringHeader), b...), nil
}
