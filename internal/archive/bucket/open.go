package bucket

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Options say how Open opens an archive.
type Options struct {
	// ReadOnly creates nothing: a directory that is not there is an error.
	ReadOnly bool
	// S3 is for a location that begins with s3://, whose own words go before those here.
	S3 S3Config
	// Observer is told of every request to S3; nil for nobody. It must be safe for concurrent use.
	Observer func(Request)
}

// scheme begins the location of an archive on S3; anything else is the path of a directory.
const scheme = "s3://"

// Open opens the archive at location, the path of a directory or s3://bucket/prefix?endpoint=…&region=…&path_style=true.
// It reaches for no network: a store that is down is found by the first call.
func Open(_ context.Context, location string, o Options) (Bucket, error) {
	if !strings.HasPrefix(location, scheme) {
		if o.ReadOnly {
			return ReadDir(location)
		}
		return OpenDir(location)
	}
	c, err := parseLocation(location, o.S3)
	if err != nil {
		return nil, err
	}
	return OpenS3(c, o)
}

// parseLocation lays what a location says over c. Credentials have no place in it: locations stand in command lines,
// process lists and logs.
func parseLocation(location string, c S3Config) (S3Config, error) {
	u, err := url.Parse(location)
	if err != nil || u.User != nil || u.Host == "" || u.Fragment != "" {
		return c, fmt.Errorf("archive location must be a path or s3://bucket/prefix?endpoint=…, without credentials")
	}
	c.Bucket = u.Host
	c.Prefix = strings.Trim(u.Path, "/")
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return c, fmt.Errorf("archive location s3://%s: its query cannot be parsed", u.Host)
	}
	words := map[string]*string{"endpoint": &c.Endpoint, "region": &c.Region, "ca_file": &c.CAFile,
		"sse_kms_key_id": &c.SSE.KMSKeyID}
	for key, values := range query {
		value := values[len(values)-1]
		switch to := words[key]; {
		case to != nil:
			*to = value
		case key == "sse":
			c.SSE.Mode = SSEMode(value)
		case key == "path_style":
			if c.PathStyle, err = strconv.ParseBool(value); err != nil {
				return c, fmt.Errorf("archive location: path_style must be true or false, found %q", value)
			}
		default:
			return c, fmt.Errorf("archive location: unknown key %q", key)
		}
	}
	return c, nil
}
