package bucket

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOpenReadsALocation(t *testing.T) {
	b, err := Open(t.Context(), filepath.Join(t.TempDir(), "archive"), Options{})
	require.NoError(t, err)
	assert.IsType(t, &Directory{}, b)
	_, err = Open(t.Context(), filepath.Join(t.TempDir(), "none"), Options{ReadOnly: true})
	require.ErrorIs(t, err, fs.ErrNotExist)

	b, err = Open(t.Context(), "s3://trail/team/archive/?endpoint=http://127.0.0.1:9000&region=eu-west-1&path_style=true&sse=s3",
		Options{S3: S3Config{Bucket: "other", Region: "us-west-2", AccessKeyID: "dummy-id", SecretAccessKey: dummySecret}})
	require.NoError(t, err)
	c := b.(*S3).config
	assert.Equal(t, S3Config{Bucket: "trail", Prefix: "team/archive", Region: "eu-west-1", Endpoint: "http://127.0.0.1:9000", PathStyle: true,
		SSE: SSEConfig{Mode: SSES3}, AccessKeyID: "dummy-id", SecretAccessKey: dummySecret, Timeout: DefaultTimeout, MaxAttempts: DefaultMaxAttempts}, c)

	f := func(location, want string) {
		t.Helper()
		_, err := Open(t.Context(), location, Options{})
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "hunter2")
	}
	f("s3://dummy-id:hunter2@trail/x", "without credentials")
	f("s3://trail?secret_access_key=hunter2", `unknown key "secret_access_key"`)
	f("s3://trail?path_style=perhaps", "path_style must be true or false")
	f("s3://trail?region=a;hunter2", "query cannot be parsed")
	f("s3://trail/../x", "must not be empty or begin with a dot")
	f("s3://Trail_1/x", "`bucket` must be")
	f("s3://", "must be a path or s3://")
	f("s3://trail?sse=rot13", "`mode` must be none, s3 or kms")
	f("s3://trail?endpoint=http://id:hunter2@host", "`endpoint` must be")
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	f := func(want string, change func(*S3Config)) {
		t.Helper()
		c := S3Config{Bucket: "trail"}
		change(&c)
		err := c.Validate()
		if want == "" {
			require.NoError(t, err)
			return
		}
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), dummySecret)
	}
	f("", func(*S3Config) {})
	f("", func(c *S3Config) { c.Endpoint = "minio.internal:9000" })
	f("`bucket`", func(c *S3Config) { c.Bucket = "" })
	f("`prefix`", func(c *S3Config) { c.Prefix = "a/../b" })
	f("`endpoint`", func(c *S3Config) { c.Endpoint = "ftp://host" })
	f("`endpoint`", func(c *S3Config) { c.Endpoint = "https://host/path" })
	f("`timeout` must not be negative, found -1s", func(c *S3Config) { c.Timeout = -time.Second })
	f("`max_attempts`", func(c *S3Config) { c.MaxAttempts = -1 })
	f("`kms_key_id` must be set", func(c *S3Config) { c.SSE.Mode = SSEKMS })
	f("`kms_key_id` needs", func(c *S3Config) { c.SSE.KMSKeyID = "key" })
	f("`credentials` must be", func(c *S3Config) { c.Credentials = "guess" })
	f("must be set together", func(c *S3Config) { c.SecretAccessKey = dummySecret })
	f("must be set together", func(c *S3Config) { c.Credentials = FromStatic })
	f("need `credentials`", func(c *S3Config) {
		c.Credentials, c.AccessKeyID, c.SecretAccessKey = FromRole, "dummy-id", dummySecret
	})

	_, err := OpenS3(S3Config{Bucket: "trail", CAFile: "none.pem"}, Options{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = OpenS3(S3Config{Bucket: "trail", Credentials: FromWebIdentity}, Options{})
	require.ErrorContains(t, err, "`token_file` and `role_arn`")
}

func TestASecretIsNeverPrinted(t *testing.T) {
	c := S3Config{Bucket: "trail", AccessKeyID: "dummy-id", SecretAccessKey: dummySecret, SessionToken: dummySecret}
	j, err := json.Marshal(c)
	require.NoError(t, err)
	text := fmt.Sprintf("%v %+v %#v %s %q", c, c, c, c.SecretAccessKey, c.SessionToken) + string(j)
	assert.NotContains(t, text, dummySecret)
	assert.Contains(t, text, shownSecret)
}

func TestExpiryNeverTakesTheWholeBucket(t *testing.T) {
	for want, e := range map[string]Expiry{
		"prefix":  {Name: "full", Days: 1, Noncurrent: 1},
		"name":    {Prefix: "v1/", Days: 1, Noncurrent: 1},
		"days":    {Name: "full", Prefix: "v1/", Noncurrent: 1},
		"1 and 0": {Name: "full", Prefix: "v1/", Days: 1},
	} {
		require.ErrorContains(t, e.validate(), want)
	}
	require.Error(t, Expiry{Name: "full", Prefix: "/", Days: 1, Noncurrent: 1}.validate())
	require.NoError(t, Expiry{Name: "full", Prefix: "v1/class=full/", Days: 1, Noncurrent: 1}.validate())
}

// A key stays below the prefix, however a server or a file system reads it, and comes back as it went.
func FuzzKeysStayBelowThePrefix(f *testing.F) {
	for _, k := range []string{"a/b", "../x", "a/../../x", "//x", "a/./b", "a%2f..%2fb", "a\x00b", "_commit/2026-11-23/x.json", ".", ""} {
		f.Add(k)
	}
	dir := &Directory{root: "/archive"}
	s := &S3{config: S3Config{Prefix: "team/one"}}
	f.Fuzz(func(t *testing.T, key string) {
		name, err := s.name(key)
		file, dirErr := dir.file(key)
		require.Equal(t, err == nil, dirErr == nil)
		if err != nil {
			return
		}
		require.True(t, strings.HasPrefix(filepath.Clean("/"+name), "/team/one/"), "%q", name)
		require.Equal(t, "/archive/"+key, file)
		require.Equal(t, filepath.Clean(name), name, "nothing in it is read as anything else")
		back, ok := s.key(name)
		require.True(t, ok)
		require.Equal(t, key, back)
	})
}
