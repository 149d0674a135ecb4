// Package arch holds no code, only tests: the rules of the repository that a linter cannot say. Which package may
// import which, what is in the binary, which files are generated, how long a file may be.
package arch
