// Package buckettest tells the stories that every bucket.Bucket must bear out, so that a directory and the servers that
// speak S3 are held to one promise.
package buckettest
