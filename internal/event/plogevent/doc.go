// Package plogevent maps an event.Record to a log record of pdata and back, and reads a SERVER span as the event
// it is. It is the only place where the attribute layout of an event meets pdata.
package plogevent
