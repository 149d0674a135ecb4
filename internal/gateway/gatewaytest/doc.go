// Package gatewaytest writes one request down as each gateway logs it, for tests of whatever reads such logs: the same
// credential in every place, in every format.
package gatewaytest
