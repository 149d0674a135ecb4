// Package servers holds the real servers that integration tests start, each in a module of its own, and the tests that
// they start and keep the promises that the archive relies on.
package servers
