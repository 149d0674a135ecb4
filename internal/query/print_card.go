package query

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"
)

// PrintCards renders the cards of tokens.
func PrintCards(w io.Writer, o Output, cards []Card) error {
	switch o {
	case JSON:
		return jsonLines(w, cards, cardJSON)
	case CSV:
		return cardsCSV(w, cards)
	}
	for i, c := range cards {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := cardTable(w, c); err != nil {
			return err
		}
	}
	return nil
}

func cardTable(w io.Writer, c Card) error {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-12s %s\n", name, Visible(value))
		}
	}
	line("token", cmp.Or(strings.Join(c.Fingerprints, " "), "none"))
	line("name", c.Token.Name)
	line("credential", c.CredentialID)
	line("format", c.Format)
	line("owner", joined(c.Owner.Name, c.Owner.ID, c.Owner.Type))
	line("team", joined(c.Owner.Team, c.Owner.Contact))
	line("state", c.state())
	line("first seen", stamp(c.First))
	line("last seen", stamp(c.Last))
	line("seen", plural(c.Requests, "request"))
	for _, t := range []struct {
		name   string
		counts []Count
	}{
		{"scheme", c.Scheme}, {"services", c.Services}, {"routes", c.Routes}, {"networks", c.Networks}, {"agents", c.Agents},
		{"statuses", c.Statuses}, {"refusals", c.Refusals},
	} {
		for i, n := range t.counts {
			name := t.name
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(w, "%-12s %6d  %s  last %s\n", name, n.N, cut(Visible(n.Value), 60), stamp(n.Last))
		}
	}
	if len(c.Alerts) == 0 {
		return nil
	}
	fmt.Fprintf(w, "alerts\n")
	return PrintAlerts(w, Table, c.Alerts)
}

func (c Card) state() string {
	s := cmp.Or(c.Token.State, "unknown")
	for _, d := range []struct{ what, when string }{{"created", c.Token.CreatedAt}, {"expires", c.Token.ExpiresAt}, {"revoked", c.Token.RevokedAt}} {
		if d.when != "" {
			s += ", " + d.what + " " + d.when
		}
	}
	return s
}

// joined puts the parts that are there side by side: "Ada (u-001, user)".
func joined(first string, rest ...string) string {
	var have []string
	for _, r := range rest {
		if r != "" {
			have = append(have, r)
		}
	}
	switch {
	case len(have) == 0:
		return first
	case first == "":
		return strings.Join(have, ", ")
	}
	return first + " (" + strings.Join(have, ", ") + ")"
}

func counts(list []Count) map[string]int {
	m := make(map[string]int, len(list))
	for _, c := range list {
		m[c.Value] = c.N
	}
	return m
}

func cardJSON(c Card) any {
	alerts := make([]any, 0, len(c.Alerts))
	for _, a := range c.Alerts {
		alerts = append(alerts, alertJSON(a))
	}
	card := map[string]any{
		"token.fingerprint": c.Fingerprints, "token.principal": c.Principal, "token.credential_id": c.CredentialID, "token.format": c.Format,
		"token.owner.id": c.Owner.ID, "token.owner.type": c.Owner.Type, "token.owner.name": c.Owner.Name, "token.owner.team": c.Owner.Team,
		"token.owner.contact": c.Owner.Contact, "token.owner.source": c.Owner.Source, "token.name": c.Token.Name, "token.id": c.Token.ID,
		"token.state": c.Token.State, "token.created_at": c.Token.CreatedAt, "token.expires_at": c.Token.ExpiresAt,
		"token.revoked_at": c.Token.RevokedAt, "first_seen": stamp(c.First), "last_seen": stamp(c.Last), "requests": c.Requests,
		"schemes": counts(c.Scheme), "services": counts(c.Services), "routes": counts(c.Routes), "networks": counts(c.Networks),
		"agents": counts(c.Agents), "statuses": counts(c.Statuses), "refusals": counts(c.Refusals), "alerts": alerts,
	}
	maps.DeleteFunc(card, func(_ string, v any) bool { return v == "" }) // what is not known has no key
	return card
}

func cardsCSV(w io.Writer, cards []Card) error {
	head := []string{
		"token.fingerprint", "token.owner.id", "token.owner.name", "token.owner.team", "token.name", "token.state", "first_seen", "last_seen",
		"requests", "routes", "networks", "alerts",
	}
	rows := make([][]string, 0, len(cards))
	for _, c := range cards {
		rows = append(rows, []string{
			strings.Join(c.Fingerprints, " "), c.Owner.ID, c.Owner.Name, c.Owner.Team, c.Token.Name, c.Token.State, stamp(c.First), stamp(c.Last),
			strconv.Itoa(c.Requests), strconv.Itoa(len(c.Routes)), strconv.Itoa(len(c.Networks)), strconv.Itoa(len(c.Alerts)),
		})
	}
	return writeCSV(w, head, rows)
}
