// Package harness starts the real binaries as child processes and talks to them through their public ports only.
// The data directory of a failed test is kept and named.
package harness
