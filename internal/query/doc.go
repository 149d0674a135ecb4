// Package query answers what people ask of a trail: it reads an archive and the journal beside it, merges the copies
// of one event, filters, groups and renders. It says what it could not see; "nothing" is never printed for "unknown".
package query
