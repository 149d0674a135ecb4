// Package tokenownerprocessor seals log records and spans of any receiver: it finds their API credentials, stamps
// each as a keyed fingerprint, links the token to its owner, and redacts every field, so that no raw credential
// leaves it. Content never makes it fail: what it cannot redact it cuts to a skeleton and passes on.
package tokenownerprocessor

//go:generate mdatagen metadata.yaml
