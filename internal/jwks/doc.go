// Package jwks verifies the signature of a JWT against the key sets of the issuers that a configuration trusts.
//
// A verified token proves who it was issued for; everything else a JWT says of itself is only claimed. The package
// answers that one question for the access log of a request that is already over, so it differs from the check a
// server makes:
//
//   - `exp` and `nbf` are not looked at. An expired token with a good signature still tells whose token was used, and
//     its use after the end is what an audit looks for.
//   - Verify never waits for the network, and what one issuer's tokens may cost is bounded: whoever writes the requests
//     writes the tokens. A token beyond a bound is simply not verified, and counted.
//   - The signature must stand over header.payload as sent, not as decoded and encoded again: those bytes are the
//     identity of the token.
//
// A token passes, in this order:
//
//	shape     three segments, at most 16 KiB
//	cache     verified ones while their key is in force, others while the key set stays the same
//	claims    `iss` picks the issuer, whose keys alone count; `aud` where the configuration asks for it
//	key       by `kid` and algorithm; `jku`, `jwk`, `x5u` and `x5c` of the token are never looked at
//	budget    of signature checks
//	signature
package jwks
