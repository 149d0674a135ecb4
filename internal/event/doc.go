// Package event holds what the rooms of Keytrail share: the attribute keys of one API request, the plain record
// that carries them outside the Collector's pdata, its identity and its versioned byte form.
//
// The package imports nothing of the Collector, so that the journal, the archive, the detectors and the command
// can work on events without it; plogevent maps a Record to pdata and back.
package event
