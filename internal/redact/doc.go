// Package redact finds secrets that rule sets describe: gitleaks' rules, rules of the user in the same form, and some of
// its own for what those leave out (connection strings and payment cards).
//
// However many rules there are, a text is read once. A table of three-letter sequences tells where a rule's keyword may
// begin; text without any costs one look-up for every second byte. Where a keyword stands, each of its rules is asked by
// what its expression cannot do without (a sign behind the keyword, a run of certain letters) whether it can match at
// all, and only then the expression runs, on a window around the keyword where its matches are of bounded length.
package redact
