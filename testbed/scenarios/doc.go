// Package scenarios plays whole stories with the real binaries, real gateways and real faults. It holds only tests,
// under the build tag scenario; `make test` runs them.
package scenarios
