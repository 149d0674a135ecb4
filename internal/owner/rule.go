package owner

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/keytrail/keytrail/internal/event"
)

// Rule makes an owner of what an event itself says, where there is no directory: a pattern of some attributes and a
// template for each field. Whether the attributes may be believed is decided by the caller of Rules.Look.
type Rule struct {
	// Preset is the name of a ready rule; it stands alone.
	Preset string `mapstructure:"preset"`

	// Match says what attributes must be: a text, in which {name} stands for any text up to what follows it.
	Match map[string]string `mapstructure:"match"`

	// The fields: text in which {name} is replaced by what Match found, or by an attribute. A field with an empty
	// replacement stays empty; without an owner_id the rule does not apply.
	OwnerID      string `mapstructure:"owner_id"`
	OwnerType    string `mapstructure:"owner_type"`
	OwnerName    string `mapstructure:"owner_name"`
	OwnerTeam    string `mapstructure:"owner_team"`
	OwnerContact string `mapstructure:"owner_contact"`
	TokenID      string `mapstructure:"token_id"`
	TokenName    string `mapstructure:"token_name"`
}

// Origin is what rules read.
type Origin string

// The origins. Each may read only what its proof covers: a signature covers the claims, a gateway's word its own
// fields, and neither covers what the caller wrote into the request.
const (
	Claims  Origin = "claims"
	Gateway Origin = "gateway"
)

// shorthand are the claims under the names that a JWT gives them.
var shorthand = map[string]string{
	"iss": event.KeyJWTIssuer, "sub": event.KeyJWTSubject, "client_id": event.KeyJWTClientID, "jti": event.KeyJWTID,
}

// callers are the prefixes of what the caller writes.
var callers = []string{"http.request.", "url.", "user_agent.", "token.jwt.", event.PrefixTokenClaimed, "user."}

var presets = map[Origin]map[string][]Rule{
	Claims: {
		"kubernetes": {{
			Match:   map[string]string{event.KeyJWTSubject: "system:serviceaccount:{namespace}:{name}"},
			OwnerID: "{namespace}/{name}", OwnerType: "service", OwnerName: "{name}", OwnerTeam: "{namespace}",
		}},
		"github_actions": {{
			Match: map[string]string{
				event.KeyJWTIssuer:  "https://token.actions.githubusercontent.com",
				event.KeyJWTSubject: "repo:{organization}/{repository}:{ref}",
			},
			OwnerID: "{organization}/{repository}", OwnerType: "automation", OwnerName: "{repository}",
			OwnerTeam: "{organization}", TokenName: "{ref}",
		}},
		"gitlab_ci": {{
			Match:   map[string]string{event.KeyJWTSubject: "project_path:{project}:ref_type:{kind}:ref:{ref}"},
			OwnerID: "{project}", OwnerType: "automation", OwnerName: "{project}", TokenName: "{kind} {ref}",
		}},
		"client":  {{OwnerID: "{client_id}", OwnerType: "service"}},
		"subject": {{OwnerID: "{sub}"}},
	},
	Gateway: {
		"kong": {
			{OwnerID: "{kong.consumer.username}", OwnerName: "{kong.consumer.username}", TokenID: "{token.credential_id}"},
			{OwnerID: "{kong.consumer.custom_id}", TokenID: "{token.credential_id}"},
			{OwnerID: "{kong.consumer.id}", TokenID: "{token.credential_id}"},
		},
		"credential_id": {{OwnerID: "{token.credential_id}", TokenID: "{token.credential_id}"}},
		"mtls": {{
			Match:   map[string]string{event.KeyTokenScheme: "mtls"},
			OwnerID: "{token.credential_id}", OwnerType: "service",
		}},
	},
}

// Rules are the rules of one origin, in their order.
type Rules struct{ list []rule }

type rule struct {
	match  []match
	fields [Texts]template
}

type match struct {
	key     string
	pattern template
}

// part is a literal, or a name to be found or replaced.
type part struct{ literal, name string }

type template []part

// NewRules compiles rules.
func NewRules(origin Origin, list []Rule) (*Rules, error) {
	out := &Rules{}
	var errs []error
	for i, r := range list {
		ready, err := expand(origin, r)
		for _, r := range ready {
			c, cerr := compile(origin, r)
			out.list = append(out.list, c)
			err = errors.Join(err, cerr)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%d: %w", i, err))
		}
	}
	return out, errors.Join(errs...)
}

func expand(origin Origin, r Rule) ([]Rule, error) {
	if r.Preset == "" {
		return []Rule{r}, nil
	}
	ready, ok := presets[origin][r.Preset]
	if !ok {
		return nil, fmt.Errorf("`preset` must be one of %s, found %q",
			strings.Join(slices.Sorted(maps.Keys(presets[origin])), ", "), r.Preset)
	}
	if len(r.Match) > 0 || r.texts() != [Texts]string{} {
		return nil, errors.New("`preset` must stand alone")
	}
	return ready, nil
}

func (r *Rule) texts() [Texts]string {
	return [Texts]string{r.OwnerID, r.OwnerType, r.OwnerName, r.OwnerTeam, r.OwnerContact, r.TokenID, r.TokenName}
}

func compile(origin Origin, r Rule) (c rule, err error) {
	if r.OwnerID == "" {
		return c, errors.New("`owner_id` must be set")
	}
	var t Row
	if r.OwnerType != "" && setOwnerType(&t, r.OwnerType) != nil {
		return c, fmt.Errorf("`owner_type` must be user, service or automation, found %q", r.OwnerType)
	}
	found := make(map[string]bool)
	for _, key := range slices.Sorted(maps.Keys(r.Match)) {
		if err := readable(origin, key); err != nil {
			return c, fmt.Errorf("`match` %w", err)
		}
		p, err := parseTemplate(r.Match[key])
		if err != nil {
			return c, fmt.Errorf("`match::%s` %w", key, err)
		}
		if err := p.distinct(found); err != nil {
			return c, fmt.Errorf("`match::%s` %w", key, err)
		}
		c.match = append(c.match, match{key, p})
	}
	for i, text := range r.texts() {
		if c.fields[i], err = parseTemplate(text); err == nil {
			err = c.fields[i].resolve(origin, found)
		}
		if err != nil {
			return c, fmt.Errorf("`%s` %w", strings.ReplaceAll(strings.TrimPrefix(TextKeys[i], event.PrefixToken), ".", "_"), err)
		}
	}
	return c, nil
}

// readable refuses attributes that the origin's proof does not cover.
func readable(origin Origin, key string) error {
	if origin == Claims {
		if !strings.HasPrefix(key, "token.jwt.") {
			return fmt.Errorf("must read attributes of token.jwt., found %q", key)
		}
		return nil
	}
	for _, p := range callers {
		if strings.HasPrefix(key, p) {
			return fmt.Errorf("must not read what the caller writes, found %q", key)
		}
	}
	return nil
}

func parseTemplate(text string) (template, error) {
	var t template
	for text != "" {
		before, rest, ok := strings.Cut(text, "{")
		if before != "" {
			t = append(t, part{literal: before})
		}
		if !ok {
			break
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok || name == "" {
			return nil, fmt.Errorf("must have a name between { and }, found %q", text)
		}
		t, text = append(t, part{name: name}), after
	}
	return t, nil
}

// distinct checks the names of a pattern and adds them to found.
func (t template) distinct(found map[string]bool) error {
	for i, p := range t {
		switch {
		case p.name == "":
			continue
		case found[p.name]:
			return fmt.Errorf("must use a name once, found {%s} again", p.name)
		case i > 0 && t[i-1].name != "":
			return fmt.Errorf("must have text between {%s} and {%s}", t[i-1].name, p.name)
		}
		found[p.name] = true
	}
	return nil
}

// resolve turns the names that no pattern finds into attributes.
func (t template) resolve(origin Origin, found map[string]bool) error {
	for i, p := range t {
		if p.name == "" || found[p.name] {
			continue
		}
		key := p.name
		if long, ok := shorthand[key]; ok && origin == Claims {
			key = long
		}
		if !strings.Contains(key, ".") {
			return fmt.Errorf("must name an attribute or a part of `match`, found {%s}", p.name)
		}
		if err := readable(origin, key); err != nil {
			return err
		}
		t[i].name = key
	}
	return nil
}
