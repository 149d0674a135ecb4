package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/keytrail/keytrail/internal/archive"
)

// collectorClasses is what a collector's configuration says of retention classes; the collector checks all the rest.
type collectorClasses struct {
	Exporters map[string]*struct {
		Classes []struct {
			Name         string   `yaml:"name"`
			Keep         string   `yaml:"keep"`
			Destinations []string `yaml:"destinations"`
		} `yaml:"classes"`
	} `yaml:"exporters"`
}

const trailExporter = "token_trail"

// configuredClasses reads the classes of a collector's configuration that Loki takes, of one name the longest kept
// first. An exporter that names none has the shipped ones.
func configuredClasses(path string) ([]archive.Class, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var c collectorClasses
	if err := yaml.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("%s is not a collector's configuration: %w", path, err)
	}
	var classes []archive.Class
	found := false
	for name, e := range c.Exporters {
		if kind, _, _ := strings.Cut(name, "/"); kind != trailExporter {
			continue
		}
		found = true
		if e == nil || len(e.Classes) == 0 {
			classes = append(classes, archive.ShippedClasses()...)
			continue
		}
		for _, class := range e.Classes {
			if len(class.Destinations) > 0 && !slices.Contains(class.Destinations, "loki") {
				continue
			}
			keep, err := time.ParseDuration(class.Keep)
			if err != nil || strings.Contains(class.Name, "${") {
				return nil, fmt.Errorf("%s: class %q must have its name and `keep` written out, found `keep` %q", path, class.Name, class.Keep)
			}
			classes = append(classes, archive.Class{Name: class.Name, Keep: keep})
		}
	}
	if !found {
		return nil, hint(errors.New("no "+trailExporter+" exporter in "+path), "name the file that holds it, or read the classes from the archive with --archive")
	}
	slices.SortStableFunc(classes, func(a, b archive.Class) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return int(b.Keep/time.Second) - int(a.Keep/time.Second)
	})
	return classes, nil
}
