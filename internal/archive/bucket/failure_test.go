package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/assert"
)

// Each way in which a request can end, and what it asks of the caller.
func TestEveryEndHasAReasonAndAClass(t *testing.T) {
	f := func(err error, reason Reason, class Class) {
		t.Helper()
		got := reasonOf(t.Context(), fmt.Errorf("put: %w", err))
		assert.Equal(t, reason, got, "%v", err)
		failure := fmt.Errorf("archive: %w", &Failure{Op: opPut, Key: "k", Reason: got, Err: said(err)})
		assert.Equal(t, class, ClassOf(failure), "%v", err)
		assert.Equal(t, class == Retry, IsRetryable(failure))
	}
	s3 := func(status int, code string) error { return minio.ErrorResponse{StatusCode: status, Code: code} }
	wire := func(err error) error { return &url.Error{Op: "Put", URL: "http://127.0.0.1/b/k", Err: err} }

	f(s3(503, "SlowDown"), SlowDown, Retry)
	f(s3(503, "SlowDownWrite"), SlowDown, Retry)
	f(s3(503, "ServiceUnavailable"), SlowDown, Retry)
	f(s3(429, ""), SlowDown, Retry)
	f(s3(400, "RequestLimitExceeded"), SlowDown, Retry)
	f(s3(500, "InternalError"), ServerError, Retry)
	f(s3(502, ""), ServerError, Retry)
	f(s3(504, ""), ServerError, Retry)
	f(s3(520, ""), ServerError, Retry)
	f(s3(400, "ExpiredToken"), ServerError, Retry)
	f(s3(400, "RequestTimeout"), Timeout, Retry)
	f(s3(408, ""), Timeout, Retry)
	f(s3(409, "ConditionalRequestConflict"), Conflict, Retry)
	f(s3(409, "OperationAborted"), Conflict, Retry)
	f(s3(412, "PreconditionFailed"), Exists, Permanent)
	f(s3(404, "NoSuchKey"), NotFound, Permanent)
	f(s3(404, "NoSuchBucket"), NoBucket, Permanent)
	f(s3(403, "AccessDenied"), Refused, Denied)
	f(s3(403, "SignatureDoesNotMatch"), Refused, Denied)
	f(s3(403, "RequestTimeTooSkewed"), ClockSkew, Denied)
	f(s3(401, ""), Refused, Denied)
	f(s3(400, "InvalidRequest"), Invalid, Permanent)
	f(s3(400, "BadDigest"), Invalid, Permanent)
	f(s3(501, "NotImplemented"), Unsupported, Permanent)
	f(wire(syscall.ECONNREFUSED), Connection, Retry)
	f(wire(syscall.ECONNRESET), Connection, Retry)
	f(wire(io.EOF), Connection, Retry)
	f(wire(&net.DNSError{Err: "no such host", IsNotFound: true}), Connection, Retry)
	f(wire(context.DeadlineExceeded), Timeout, Retry)
	f(wire(&net.DNSError{IsTimeout: true}), Timeout, Retry)
	f(fmt.Errorf("%w: %w", errCut, io.ErrUnexpectedEOF), Connection, Retry)
	f(errors.New("expected element type <ListBucketResult>"), ServerError, Retry)
	f(errIgnoresRanges, Unsupported, Permanent)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Equal(t, Cancelled, reasonOf(ctx, wire(context.Canceled)), "the caller gave up, whatever the wire says")
	assert.Equal(t, OK, reasonOf(ctx, nil))
}

func TestErrorsOfADirectoryHaveAClass(t *testing.T) {
	f := func(err error, want Class) {
		t.Helper()
		assert.Equal(t, want, ClassOf(fmt.Errorf("put k: %w", err)), "%v", err)
	}
	f(&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, Retry)
	f(syscall.EDQUOT, Retry)
	f(syscall.EIO, Retry)
	f(context.Canceled, Retry)
	f(syscall.EACCES, Denied)
	f(syscall.EROFS, Denied)
	f(ErrExists, Permanent)
	f(ErrNotFound, Permanent)
	f(ErrChanged, Permanent)
	f(errors.ErrUnsupported, Permanent)
	assert.False(t, IsRetryable(nil))
}

// A store's sentence can repeat ids of keys and accounts, and what a proxy writes is anybody's: an error keeps the
// status and the code.
func TestAnErrorRepeatsNothingOfTheStoresSentence(t *testing.T) {
	err := &Failure{Op: opPut, Key: "k", Reason: Refused, Err: said(minio.ErrorResponse{StatusCode: http.StatusForbidden,
		Code: "InvalidAccessKeyId", Message: "no such key DUMMYKEYID", Resource: "/bucket"})}
	assert.EqualError(t, err, "put k: denied: status 403 InvalidAccessKeyId")
	assert.EqualError(t, &Failure{Op: opDelete, Key: "k", Reason: Locked}, "delete k: object is locked")
	long := said(minio.ErrorResponse{StatusCode: 502, Code: "<script>\x1b[31m" + string(make([]byte, 1000))})
	assert.EqualError(t, long, "status 502")
}
