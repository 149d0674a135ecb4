package harness

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/sys/unix"

	"github.com/keytrail/keytrail/internal/archive/bucket"
)

// ObjectStore is a running server that speaks S3.
type ObjectStore struct {
	*Server
	AccessKey, SecretKey string // made for this run
	Region               string
}

func newObjectStore(t testing.TB, name string) *ObjectStore {
	return &ObjectStore{Server: newServer(t, ServerBin(t, name)), Region: "us-east-1",
		AccessKey: "dummy" + strings.ToLower(rand.Text()[:15]), SecretKey: "dummy" + rand.Text()}
}

// Versitygw starts a gateway over a folder, with versioning and Object Lock. It has no lifecycle.
func Versitygw(t testing.TB) *ObjectStore {
	t.Helper()
	o := newObjectStore(t, "versitygw")
	o.args = []string{"--port", o.Address, "--access", o.AccessKey, "--secret", o.SecretKey, "--region", o.Region,
		"--health", "/ready", "--keep-alive", "posix", "--versioning-dir", o.mkdir("versions")}
	data := o.mkdir("data")
	if err := unix.Setxattr(data, "user.keytrail", []byte("1"), 0); err != nil {
		o.args = append(o.args, "--sidecar", o.mkdir("sidecar")) // the file system keeps no attributes
	}
	o.args = append(o.args, data)
	o.ready = o.answers("/ready")
	o.Start()
	return o
}

// MinIO starts a MinIO, which has all that the archive asks of a store: versions, Object Lock, lifecycle, encryption
// under a key of its own. env adds to its environment.
func MinIO(t testing.TB, env ...string) *ObjectStore {
	t.Helper()
	o := newObjectStore(t, "minio")
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	o.args = []string{"server", "--quiet", "--address", o.Address, "--console-address", "127.0.0.1:" + FreePort(t), o.mkdir("data")}
	o.env = append([]string{"MINIO_ROOT_USER=" + o.AccessKey, "MINIO_ROOT_PASSWORD=" + o.SecretKey, "MINIO_BROWSER=off",
		"MINIO_UPDATE=off", "MINIO_KMS_SECRET_KEY=keytrail-test:" + base64.StdEncoding.EncodeToString(key)}, env...)
	o.ready = o.answers("/minio/health/ready")
	o.Start()
	return o
}

// Bucket is what is asked of a new bucket.
type Bucket struct {
	Name       string
	Versioned  bool
	ObjectLock bool // which is also versioned
}

// MakeBucket makes a bucket and returns the configuration that reaches it.
func (o *ObjectStore) MakeBucket(b Bucket) bucket.S3Config {
	o.t.Helper()
	client := o.Client()
	ctx := o.t.Context()
	if err := client.MakeBucket(ctx, b.Name, minio.MakeBucketOptions{ObjectLocking: b.ObjectLock, Region: o.Region}); err != nil {
		o.t.Fatal(err)
	}
	if b.Versioned {
		if err := client.EnableVersioning(ctx, b.Name); err != nil {
			o.t.Fatal(err)
		}
	}
	return bucket.S3Config{Bucket: b.Name, Endpoint: o.URL(""), Region: o.Region, PathStyle: true,
		AccessKeyID: o.AccessKey, SecretAccessKey: bucket.Secret(o.SecretKey)}
}

// Client returns a client with the store's own credentials.
func (o *ObjectStore) Client() *minio.Client {
	o.t.Helper()
	c, err := minio.New(o.Address, &minio.Options{Creds: credentials.NewStaticV4(o.AccessKey, o.SecretKey, ""), Region: o.Region,
		BucketLookup: minio.BucketLookupPath})
	if err != nil {
		o.t.Fatal(err)
	}
	return c
}

// Env returns the environment that gives the credentials to a child process.
func (o *ObjectStore) Env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + o.AccessKey, "AWS_SECRET_ACCESS_KEY=" + o.SecretKey, "AWS_REGION=" + o.Region}
}

// Location returns the s3:// location of a bucket, with a prefix or without, for --archive.
func (o *ObjectStore) Location(bucketAndPrefix string) string {
	return "s3://" + bucketAndPrefix + "?endpoint=" + o.URL("") + "&region=" + o.Region + "&path_style=true"
}
