// Package corpus makes texts to measure redaction with: secrets that a rule's expression describes, and fields of
// ordinary requests and logs that hold none. All of it is made at run time, from a seed, and belongs to nobody.
package corpus
