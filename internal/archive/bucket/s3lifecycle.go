package bucket

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/minio/minio-go/v7/pkg/lifecycle"
)

// Expiry is a rule by which the store itself removes what nobody removed in time.
type Expiry struct {
	Name       string // tells our rules apart; letters, digits, - and _
	Prefix     string // of keys; never empty, since a rule without one would take the whole bucket
	Days       int    // after an object was put
	Noncurrent int    // days after a version was replaced or deleted
}

// ownRule begins the id of each rule that is ours; the archive's prefix and the rule's name follow. The colon between
// them stands in neither. The other rules of the bucket are none of our business.
const ownRule = "keytrail:"

func (e Expiry) validate() error {
	switch {
	case e.Name == "" || strings.ContainsFunc(e.Name, func(r rune) bool { return r > 0x7e || r != '_' && !keyByte(byte(r)) }):
		return fmt.Errorf("lifecycle rule: name must be letters, digits, - and _, found %q", e.Name)
	case checkKey(strings.TrimSuffix(e.Prefix, "/")) != nil:
		return fmt.Errorf("lifecycle rule %s: prefix must be the beginning of a key and not empty, found %q", e.Name, e.Prefix)
	case e.Days < 1 || e.Noncurrent < 1:
		return fmt.Errorf("lifecycle rule %s: days must be 1 or more, found %d and %d", e.Name, e.Days, e.Noncurrent)
	}
	return nil
}

// PutLifecycle makes rules the only ones of this archive in the bucket's lifecycle and leaves those of others. Two
// archives in one bucket are told apart by their prefix.
func (s *S3) PutLifecycle(ctx context.Context, rules []Expiry) error {
	if s.readOnly {
		return errReadOnly(opLifecycle, s.config.Bucket)
	}
	for _, r := range rules {
		if err := r.validate(); err != nil {
			return err
		}
	}
	old, err := s.lifecycle(ctx)
	if err != nil {
		return err
	}
	config := lifecycle.NewConfiguration()
	for _, r := range old.Rules {
		if !s.owns(r) {
			config.Rules = append(config.Rules, r)
		}
	}
	for _, r := range rules {
		config.Rules = append(config.Rules, s.rules(r)...)
	}
	return s.try(ctx, opLifecycle, s.config.Bucket, func(ctx context.Context, _ int) (traffic, error) {
		return traffic{}, s.client.SetBucketLifecycle(ctx, s.config.Bucket, config)
	})
}

// Lifecycle returns the rules of this archive.
func (s *S3) Lifecycle(ctx context.Context) ([]Expiry, error) {
	config, err := s.lifecycle(ctx)
	if err != nil {
		return nil, err
	}
	var rules []Expiry
	for _, r := range config.Rules {
		if s.owns(r) && !r.Expiration.IsDaysNull() {
			rules = append(rules, Expiry{Name: strings.TrimPrefix(r.ID, s.ruleID("")), Prefix: strings.TrimPrefix(r.RuleFilter.Prefix, s.under("")),
				Days: int(r.Expiration.Days), Noncurrent: int(r.NoncurrentVersionExpiration.NoncurrentDays)})
		}
	}
	return rules, nil
}

func (s *S3) lifecycle(ctx context.Context) (config *lifecycle.Configuration, err error) {
	err = s.try(ctx, opLifecycle, s.config.Bucket, func(ctx context.Context, _ int) (traffic, error) {
		config, err = s.client.GetBucketLifecycle(ctx, s.config.Bucket)
		return traffic{}, err
	})
	if f, ok := errors.AsType[*Failure](err); ok && f.Reason == NotFound { // the bucket has no lifecycle yet
		return lifecycle.NewConfiguration(), nil
	}
	return config, err
}

func (s *S3) ruleID(name string) string { return ownRule + s.config.Prefix + ":" + name }

func (s *S3) owns(r lifecycle.Rule) bool { return strings.HasPrefix(r.ID, s.ruleID("")) }

// rules returns the two that one Expiry takes: S3 lets no rule expire objects and the markers they leave.
func (s *S3) rules(e Expiry) []lifecycle.Rule {
	filter := lifecycle.Filter{Prefix: s.under(e.Prefix)}
	return []lifecycle.Rule{{
		ID: s.ruleID(e.Name), Status: "Enabled", RuleFilter: filter,
		Expiration:                  lifecycle.Expiration{Days: lifecycle.ExpirationDays(e.Days)},
		NoncurrentVersionExpiration: lifecycle.NoncurrentVersionExpiration{NoncurrentDays: lifecycle.ExpirationDays(e.Noncurrent)},
	}, {
		ID: s.ruleID(e.Name + ":markers"), Status: "Enabled", RuleFilter: filter,
		Expiration: lifecycle.Expiration{DeleteMarker: true},
	}}
}
