// Package jsondoc reads one JSON value into a flat list of nodes, fast and forgivingly.
//
// Access logs are often JSON by template: values that a template left unquoted (-, 0.1, 0.2, nothing at all) and
// escapes of another language (\x22) are read as what they were meant to be, and the document says that it was
// repaired. Everything that is valid JSON is read as encoding/json reads it. Strings are parts of one copy of the
// text, so they own their memory together.
package jsondoc
