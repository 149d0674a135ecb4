package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/journal"
	"github.com/keytrail/keytrail/internal/query"
)

func newTrail() *cobra.Command {
	var s search
	c := &cobra.Command{
		Use:     "trail [selector] [filter]",
		Short:   "Print events in time order: what was done, with which token, and who refused it",
		Long:    "Print events in time order: what was done, with which token, and who refused it.\n" + grammar,
		Example: "  pbpaste | keytrail trail --token-stdin --since 7d\n  keytrail trail --owner a-ci-storefront --status 4xx --output json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return s.ask(c, func(events []query.Event) (int, func(io.Writer) error) {
				events = newest(events, s.limit)
				return len(events), func(w io.Writer) error { return query.PrintEvents(w, s.output, events) }
			})
		},
	}
	s.where(c)
	s.selectors(c)
	s.filters(c)
	return c
}

func newWhois() *cobra.Command {
	var s search
	c := &cobra.Command{
		Use:     "whois [selector]",
		Short:   "Print a token's card: owner, state, first and last seen, routes, networks, agents, statuses, refusals",
		Long:    "Print a token's card: owner, state, first and last seen, routes, networks, agents, statuses, refusals.\n" + grammar,
		Example: "  keytrail whois --fingerprint 1f0c92ab\n  keytrail whois --owner u-007",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !s.selects() {
				return hint(usage("a card needs a selector"), "for example --token-stdin, --fingerprint or --owner; keytrail tokens lists all")
			}
			return s.ask(c, func(events []query.Event) (int, func(io.Writer) error) {
				cards := newest(query.NewCards(events), s.limit)
				return len(cards), func(w io.Writer) error { return query.PrintCards(w, s.output, cards) }
			})
		},
	}
	s.where(c)
	s.selectors(c)
	s.filters(c)
	return c
}

func newAlerts() *cobra.Command {
	var s search
	var active bool
	c := &cobra.Command{
		Use:     "alerts",
		Short:   "Print each alert: token, owner, one sentence, and the next command to type",
		Long:    "Print each alert: token, owner, one sentence, and the next command to type.\n" + grammar,
		Example: "  keytrail alerts --active",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return s.ask(c, func(events []query.Event) (int, func(io.Writer) error) {
				alerts := query.NewAlerts(events)
				alerts = slices.DeleteFunc(alerts, func(a query.Alert) bool { return active && !a.Active() })
				alerts = newest(alerts, s.limit)
				return len(alerts), func(w io.Writer) error { return query.PrintAlerts(w, s.output, alerts) }
			}, event.NameAnomaly)
		},
	}
	c.Flags().BoolVar(&active, "active", false, "only alerts that have not ended")
	s.where(c)
	s.selectors(c)
	s.places(c)
	return c
}

func newTokens() *cobra.Command {
	var s search
	c := &cobra.Command{
		Use:     "tokens [filter]",
		Short:   "List the tokens seen, with owner, state, last seen and requests",
		Long:    "List the tokens seen, with owner, state, last seen and requests.\n" + grammar,
		Example: "  keytrail tokens --since 24h --status 4xx",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			store, sel, f, err := s.begin(c)
			if err != nil {
				return err
			}
			tokens, rep, err := store.Tokens(c.Context(), sel, f)
			if err != nil {
				return err
			}
			if s.limit > 0 && len(tokens) > s.limit {
				tokens = tokens[:s.limit]
			}
			s.doubt(c, store, sel, len(tokens))
			return s.conclude(c, rep, len(tokens), func(w io.Writer) error { return query.PrintTokens(w, s.output, tokens) })
		},
	}
	s.where(c)
	s.selectors(c)
	s.filters(c)
	return c
}

// selects reports whether any selector was given.
func (s *search) selects() bool {
	for _, l := range [][]string{s.fingerprints, s.credentials, s.jwts, s.owners, s.principals, s.traces, s.requestID} {
		if len(l) > 0 {
			return true
		}
	}
	return s.tokenStdin || s.sumStdin
}

func newest[T any](list []T, limit int) []T {
	if limit > 0 && len(list) > limit {
		return list[len(list)-limit:]
	}
	return list
}

// begin opens the archive and reads the flags.
func (s *search) begin(c *cobra.Command) (*query.Store, archive.Selection, query.Filter, error) {
	sel, f, err := s.plan(time.Now())
	if err != nil {
		return nil, sel, f, err
	}
	store, err := s.open()
	if err != nil {
		return nil, sel, f, err
	}
	sel.Fingerprints, err = s.wanted(c.InOrStdin())
	return store, sel, f, err
}

// render prints what a search found; the number is of the things it prints.
type render func(events []query.Event) (int, func(io.Writer) error)

// ask runs a search of events and prints them.
func (s *search) ask(c *cobra.Command, r render, names ...string) error {
	store, sel, f, err := s.begin(c)
	if err != nil {
		return err
	}
	sel.Names = names
	events, rep, err := store.Events(c.Context(), sel, f)
	if err != nil {
		return err
	}
	n, print := r(events)
	s.doubt(c, store, sel, n)
	return s.conclude(c, rep, n, print)
}

// doubt finds out, where nothing was found, whether that can be believed: a source that does not show its tokens holds
// the answer and cannot give it.
func (s *search) doubt(c *cobra.Command, store *query.Store, sel archive.Selection, n int) {
	if n == 0 {
		s.unseen = query.BlindSources(store.Sample(c.Context(), sel))
	}
}

// conclude prints the answer, and says on standard error what it is built on where that matters.
func (s *search) conclude(c *cobra.Command, rep *query.Report, n int, print func(io.Writer) error) error {
	warnings := rep.Warnings()
	if s.ring != nil {
		lost, err := checkEpochs(rep.Epochs, s.ring)
		if err != nil {
			return err
		}
		warnings = append(warnings, lost...)
	}
	if err := print(c.OutOrStdout()); err != nil {
		return err
	}
	for _, w := range warnings {
		fmt.Fprintf(c.ErrOrStderr(), "warning: %s\n", query.Visible(w))
	}
	if n == 0 {
		fmt.Fprintf(c.ErrOrStderr(), "nothing found %s\n", query.Visible(s.searched(rep)))
		if s.unseen != "" {
			fmt.Fprintf(c.ErrOrStderr(), "warning: %s\n", query.Visible(s.unseen))
		}
	}
	sealed := func(err error) bool { return errors.Is(err, journal.ErrNoKey) }
	switch k := len(rep.Unreadable); {
	case k == 1 && sealed(rep.Unreadable[0]):
		return hint(errors.New("the journal is sealed and its key was not given: what came in the last minutes was not searched"), sealedHint)
	case k == 1:
		return hint(errors.New("a part of the archive or the journal could not be read: the answer may not be whole"), "the warning above names it; check the disk and the permissions")
	case k > 1:
		return hint(fmt.Errorf("%d parts of the archive or the journal could not be read: the answer may not be whole", k), "the warnings above name them, ten at most; check the disk and the permissions")
	}
	return nil
}

// searched is what an empty answer was looked for in: the period, the epochs, the newest event there is.
func (s *search) searched(rep *query.Report) string {
	bound := func(t time.Time, open string) string { return cmp.Or(when(t), open) }
	epochs := make([]string, 0, len(rep.Epochs))
	for _, e := range rep.Epochs {
		epochs = append(epochs, fmt.Sprint(e.Epoch))
	}
	text := fmt.Sprintf("from %s to %s; epochs searched: %s; newest event: %s", bound(rep.Since, "the beginning"), bound(rep.Until, "now"),
		cmp.Or(strings.Join(epochs, ", "), "none"), bound(rep.Newest, "none"))
	if s.blind {
		text += "; no journal stands beside the archive: what came in the last minutes may be missing"
	}
	return text
}
