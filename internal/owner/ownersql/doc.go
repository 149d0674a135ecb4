// Package ownersql reads an owner directory from a SQL database: PostgreSQL, MySQL or MariaDB, SQLite. The user gives the
// queries; the package runs them read-only and bounded in time and rows, turns what the database calls a value into
// what the directory calls one, and tells failures from a closed set of reasons. Drivers write hosts, users, parameters
// and stored values into their errors, so none of their words are repeated.
//
// A *DB is an owner.Loader where a query for all rows is set and an owner.Finder where one for a single token is. A load
// asks for everything first and then, where a query for changes is set, for what changed since; everything again now
// and then, because a deleted row changes nothing. A look-up is told only hashes and ids, never a token.
package ownersql
