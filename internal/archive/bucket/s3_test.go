package bucket

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const dummySecret = "dummy-secret-of-the-store"

// store answers requests with what the test says, over TLS.
func store(t *testing.T, answer http.HandlerFunc) S3Config {
	t.Helper()
	s := httptest.NewTLSServer(answer)
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600))
	return S3Config{Bucket: "trail", Endpoint: s.URL, PathStyle: true, CAFile: ca, AccessKeyID: "dummy-id", SecretAccessKey: dummySecret}
}

func openS3(t *testing.T, c S3Config, o Options) *S3 {
	t.Helper()
	s, err := OpenS3(c, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestAPutIsOneSealedRequest(t *testing.T) {
	const text = "a block of events"
	var got *http.Request
	c := store(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		assert.Equal(t, text, string(b))
		got = r
	})
	c.Prefix, c.SSE, c.SessionToken = "team/archive/", SSEConfig{Mode: SSEKMS, KMSKeyID: "key-1"}, "dummy-session"
	b := openS3(t, c, Options{})
	until := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	err := b.Put(t.Context(), "v1/class=full/x.parquet", strings.NewReader(text), int64(len(text)), PutOptions{IfAbsent: true, Hold: true,
		Lock: Lock{Compliance, until}, Tags: map[string]string{"class": "full"}})
	require.NoError(t, err)
	assert.Equal(t, "/trail/team/archive/v1/class=full/x.parquet", got.URL.Path)
	sum, h := md5.Sum([]byte(text)), sha256.Sum256([]byte(text))
	for k, want := range map[string]string{
		"If-None-Match":                               "*",
		"Content-Md5":                                 base64.StdEncoding.EncodeToString(sum[:]),
		"X-Amz-Content-Sha256":                        hex.EncodeToString(h[:]),
		"X-Amz-Object-Lock-Mode":                      "COMPLIANCE",
		"X-Amz-Object-Lock-Retain-Until-Date":         "2027-01-02T03:04:05Z",
		"X-Amz-Object-Lock-Legal-Hold":                "ON",
		"X-Amz-Server-Side-Encryption":                "aws:kms",
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "key-1",
		"X-Amz-Tagging":                               "class=full",
		"X-Amz-Security-Token":                        "dummy-session",
	} {
		assert.Equal(t, want, got.Header.Get(k), k)
	}
	assert.NotContains(t, got.Header.Get("Authorization"), dummySecret)
}

func TestAnUnknownAuthorityIsRefused(t *testing.T) {
	c := store(t, func(http.ResponseWriter, *http.Request) { t.Error("a request got through") })
	c.CAFile, c.MaxAttempts = "", 1
	_, err := openS3(t, c, Options{}).Head(t.Context(), "k")
	require.ErrorContains(t, err, "certificate")
}

func TestReadOnlySendsNoChange(t *testing.T) {
	c := store(t, func(_ http.ResponseWriter, r *http.Request) { assert.NotContains(t, "PUT POST DELETE", r.Method) })
	b := openS3(t, c, Options{ReadOnly: true})
	for what, err := range map[string]error{
		"put":       b.Put(t.Context(), "k", strings.NewReader("x"), 1, PutOptions{}),
		"delete":    b.Delete(t.Context(), "k"),
		"version":   b.DeleteVersion(t.Context(), "k", "1", true),
		"hold":      b.SetHold(t.Context(), "k", "1", false),
		"lock":      b.SetLock(t.Context(), "k", "1", Lock{}, true),
		"lifecycle": b.PutLifecycle(t.Context(), nil),
	} {
		assert.Equal(t, Denied, ClassOf(err), what)
		assert.ErrorContains(t, err, "only to be read", what)
	}
}

func TestRetriesAreBoundedAndTold(t *testing.T) {
	var n atomic.Int64
	c := store(t, func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	c.MaxAttempts = 4
	var told []string
	b := openS3(t, c, Options{Observer: func(q Request) {
		told = append(told, fmt.Sprintf("%s %d %s %t %d", q.Op, q.Attempt, q.Reason, q.Again, q.Sent))
	}})
	b.backoff = func(int) time.Duration { return time.Millisecond }
	err := b.Put(t.Context(), "k", strings.NewReader("text"), 4, PutOptions{})
	require.True(t, IsRetryable(err), "%v", err)
	assert.Equal(t, int64(4), n.Load())
	assert.Equal(t, []string{"put 1 slow_down true 4", "put 2 slow_down true 4", "put 3 slow_down true 4", "put 4 slow_down false 4"}, told)
}

// The waits between five attempts add up to seconds, spread by chance, and end at once with the caller's patience.
func TestWaitsGrowAndEndWithTheCaller(t *testing.T) {
	for attempt, longest := range []time.Duration{firstWait, 2 * firstWait, 4 * firstWait, 8 * firstWait, 16 * firstWait, longestWait, longestWait} {
		for range 100 {
			wait := backoff(attempt + 1)
			require.GreaterOrEqual(t, wait, longest/2)
			require.Less(t, wait, longest)
		}
	}
	require.Less(t, backoff(1<<40), longestWait)

	synctest.Test(t, func(t *testing.T) {
		s := &S3{config: S3Config{MaxAttempts: 100, Timeout: time.Minute}, backoff: backoff}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		err := s.try(ctx, opGet, "k", func(context.Context, int) (traffic, error) { return traffic{}, errCut })
		require.True(t, IsRetryable(err))
		require.Equal(t, 10*time.Second, time.Since(start))
	})
}

// What a store lists that is not ours is passed over: other people's objects, markers of folders, keys beside the prefix.
func TestForeignObjectsAreNotListed(t *testing.T) {
	c := store(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>`)
		for _, k := range []string{"team/a", "team/", "teammate", "team/.hidden", "team/../x", "team//x", "other", "team/b"} {
			fmt.Fprintf(w, "<Contents><Key>%s</Key><Size>1</Size><LastModified>2026-11-23T00:00:00Z</LastModified></Contents>", k)
		}
		fmt.Fprint(w, "</ListBucketResult>")
	})
	c.Prefix = "team"
	assert.Equal(t, []string{"a", "b"}, list(t, openS3(t, c, Options{}), ""))
}

func TestAStoreThatIgnoresRangesIsFoundOut(t *testing.T) {
	c := store(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Last-Modified", "Mon, 23 Nov 2026 00:00:00 GMT")
		_, _ = io.WriteString(w, "0123456789")
	})
	_, err := openS3(t, c, Options{}).GetRange(t.Context(), "k", 5, 2)
	require.ErrorContains(t, err, "whole object")
}

// A role's credentials are fetched with the token of a file and sent with each request; the token itself goes to nobody
// else.
func TestWebIdentityIsExchangedForARole(t *testing.T) {
	const identity = "dummy-identity-token"
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte(identity), 0o600))
	c := store(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			assert.NoError(t, r.ParseForm())
			assert.Equal(t, identity, r.Form.Get("WebIdentityToken"))
			assert.Equal(t, "arn:aws:iam::000000000000:role/dummy", r.Form.Get("RoleArn"))
			fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>dummy-role-key</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken>dummy-session</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
				dummySecret, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
			return
		}
		assert.Contains(t, r.Header.Get("Authorization"), "Credential=dummy-role-key/")
		assert.Equal(t, "dummy-session", r.Header.Get("X-Amz-Security-Token"))
		assert.NotContains(t, fmt.Sprint(r.Header), identity)
	})
	c.AccessKeyID, c.SecretAccessKey = "", ""
	c.Credentials, c.RoleARN, c.TokenFile, c.STSEndpoint = FromWebIdentity, "arn:aws:iam::000000000000:role/dummy", token, c.Endpoint
	require.NoError(t, openS3(t, c, Options{}).Put(t.Context(), "k", strings.NewReader("x"), 1, PutOptions{}))
}

func TestCredentialsComeFromWhereItIsSaid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials")
	require.NoError(t, os.WriteFile(file, []byte("[other]\naws_access_key_id = dummy-file-key\naws_secret_access_key = dummy\n"), 0o600))
	t.Setenv("AWS_ACCESS_KEY_ID", "dummy-env-key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "dummy")
	f := func(want string, change func(*S3Config)) {
		t.Helper()
		var got string
		c := store(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") })
		c.AccessKeyID, c.SecretAccessKey = "", ""
		change(&c)
		require.NoError(t, openS3(t, c, Options{}).Put(t.Context(), "k", strings.NewReader("x"), 1, PutOptions{}))
		if want == "" {
			assert.Empty(t, got)
			return
		}
		assert.Contains(t, got, "Credential="+want+"/")
	}
	f("dummy-env-key", func(*S3Config) {})
	f("dummy-env-key", func(c *S3Config) { c.Credentials = FromEnvironment })
	f("dummy-file-key", func(c *S3Config) { c.Credentials, c.CredentialsFile, c.Profile = FromFile, file, "other" })
	f("dummy-id", func(c *S3Config) { c.AccessKeyID, c.SecretAccessKey = "dummy-id", dummySecret })
	f("", func(c *S3Config) { c.Credentials = FromNobody })
}
