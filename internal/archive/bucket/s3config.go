package bucket

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// Secret is a credential that no printer shows.
type Secret string

const shownSecret = "[REDACTED]"

// String, GoString and MarshalText show that there is a secret, not which.
func (Secret) String() string { return shownSecret }

// GoString is for %#v.
func (Secret) GoString() string { return shownSecret }

// MarshalText is for every encoder of configurations.
func (Secret) MarshalText() ([]byte, error) { return []byte(shownSecret), nil }

// SSEMode is how the store encrypts what it keeps.
type SSEMode string

// The modes of server-side encryption. The zero SSEMode leaves it to the bucket's own default.
const (
	SSENone SSEMode = "none"
	SSES3   SSEMode = "s3"
	SSEKMS  SSEMode = "kms"
)

// SSEConfig asks the store to encrypt.
type SSEConfig struct {
	Mode SSEMode `mapstructure:"mode"`
	// KMSKeyID is the id or ARN of the key; required by mode kms.
	KMSKeyID string `mapstructure:"kms_key_id"`
	_        struct{}
}

// CredentialSource is where the credentials for S3 come from.
type CredentialSource string

// The sources. The zero CredentialSource takes access_key_id and secret_access_key where they are set, else the first
// of environment, file and role that has any.
const (
	FromStatic      CredentialSource = "static"       // access_key_id, secret_access_key and session_token
	FromEnvironment CredentialSource = "env"          // AWS_ACCESS_KEY_ID and its kin
	FromFile        CredentialSource = "file"         // credentials_file, else ~/.aws
	FromRole        CredentialSource = "iam"          // of the machine, the task, or the pod
	FromWebIdentity CredentialSource = "web_identity" // a token file exchanged for a role: IRSA on EKS
	FromNobody      CredentialSource = "anonymous"    // unsigned requests
)

// S3Config says which bucket, where, and with whose credentials.
type S3Config struct {
	Bucket string `mapstructure:"bucket"`
	// Prefix stands before every key, so that several archives can share a bucket.
	Prefix string `mapstructure:"prefix"`
	// Region is asked of the store when it is empty and the endpoint is Amazon's; elsewhere it is then us-east-1.
	Region string `mapstructure:"region"`
	// Endpoint is the store's address, https unless it says http://. Empty is Amazon's.
	Endpoint string `mapstructure:"endpoint"`
	// PathStyle asks for endpoint/bucket/key instead of bucket.endpoint/key, as most stores but Amazon's need it.
	PathStyle bool `mapstructure:"path_style"`
	// CAFile holds certificates in PEM that are trusted besides the system's.
	CAFile string `mapstructure:"ca_file"`

	Credentials     CredentialSource `mapstructure:"credentials"`
	AccessKeyID     string           `mapstructure:"access_key_id"`
	SecretAccessKey Secret           `mapstructure:"secret_access_key"`
	SessionToken    Secret           `mapstructure:"session_token"`
	// CredentialsFile and Profile are for credentials from a file.
	CredentialsFile string `mapstructure:"credentials_file"`
	Profile         string `mapstructure:"profile"`
	// RoleARN, TokenFile and STSEndpoint are for web identities; empty ones are read from AWS_ROLE_ARN,
	// AWS_WEB_IDENTITY_TOKEN_FILE and the region.
	RoleARN     string `mapstructure:"role_arn"`
	TokenFile   string `mapstructure:"token_file"`
	STSEndpoint string `mapstructure:"sts_endpoint"`

	SSE SSEConfig `mapstructure:"sse"`

	// Timeout bounds one request, its body included; zero is DefaultTimeout.
	Timeout time.Duration `mapstructure:"timeout"`
	// MaxAttempts bounds how often one call is tried; zero is DefaultMaxAttempts. What fails after them is for the
	// caller to try again, who knows how long it may take.
	MaxAttempts int `mapstructure:"max_attempts"`
	_           struct{}
}

// What is taken for zero values.
const (
	DefaultTimeout     = 2 * time.Minute // a compacted file of 256 MiB at 17 Mbit/s
	DefaultMaxAttempts = 5               // with the waits of backoff: 3 s, about as long as a store's hiccup lasts
	defaultRegion      = "us-east-1"
	amazon             = "s3.amazonaws.com"
)

// Validate finds what an operator can get wrong without asking the store.
func (c *S3Config) Validate() error {
	if err := s3utils.CheckValidBucketNameStrict(c.Bucket); err != nil {
		return fmt.Errorf("`bucket` must be a name that S3 admits, found %q", c.Bucket)
	}
	if c.Prefix != "" {
		if err := checkKey(strings.Trim(c.Prefix, "/")); err != nil {
			return fmt.Errorf("`prefix`: %w", err)
		}
	}
	if _, _, err := c.endpoint(); err != nil {
		return err
	}
	if c.Timeout < 0 {
		return fmt.Errorf("`timeout` must not be negative, found %s", c.Timeout)
	}
	if c.MaxAttempts < 0 {
		return fmt.Errorf("`max_attempts` must not be negative, found %d", c.MaxAttempts)
	}
	return errors.Join(c.SSE.Validate(), c.validateCredentials())
}

// Validate checks that the mode is one of ours and has its key.
func (c *SSEConfig) Validate() error {
	switch c.Mode {
	case "", SSENone, SSES3:
		if c.KMSKeyID != "" {
			return fmt.Errorf("`kms_key_id` needs `mode` %q, found %q", SSEKMS, c.Mode)
		}
		return nil
	case SSEKMS:
		if c.KMSKeyID == "" {
			return fmt.Errorf("`kms_key_id` must be set with `mode` %q", SSEKMS)
		}
		return nil
	}
	return fmt.Errorf("`mode` must be none, s3 or kms, found %q", c.Mode)
}

func (c *S3Config) validateCredentials() error {
	switch c.Credentials {
	case "", FromEnvironment, FromFile, FromRole, FromWebIdentity, FromNobody, FromStatic:
	default:
		return fmt.Errorf("`credentials` must be static, env, file, iam, web_identity or anonymous, found %q", c.Credentials)
	}
	static := c.AccessKeyID != "" || c.SecretAccessKey != "" || c.SessionToken != ""
	switch {
	case static && c.Credentials != "" && c.Credentials != FromStatic:
		return fmt.Errorf("`access_key_id` and its kin need `credentials` %q, found %q", FromStatic, c.Credentials)
	case (static || c.Credentials == FromStatic) && (c.AccessKeyID == "" || c.SecretAccessKey == ""):
		return errors.New("`access_key_id` and `secret_access_key` must be set together")
	}
	return nil
}

// endpoint returns host and port, and whether TLS is spoken there.
func (c *S3Config) endpoint() (host string, secure bool, err error) {
	if c.Endpoint == "" {
		return amazon, true, nil
	}
	text := c.Endpoint
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" ||
		(u.Scheme != "https" && u.Scheme != "http") {
		return "", false, errors.New("`endpoint` must be host:port, https://host:port or http://host:port")
	}
	return u.Host, u.Scheme == "https", nil
}
