package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/internal/archive"
	"github.com/keytrail/keytrail/internal/loki"
)

func newLokiConfig() *cobra.Command {
	var location, config, store string
	var shipped bool
	c := &cobra.Command{
		Use:   "loki-config",
		Short: "Print the part of Loki's configuration that keeps each class as long as the archive does",
		Long: "Print the part of Loki's configuration that keeps each class as long as the archive does.\n" +
			"The classes are those that have written to the archive; --config takes those of a collector's configuration that go\n" +
			"to Loki, --shipped those of the default one.",
		Example: "  keytrail loki-config --archive s3://trail/prod\n  keytrail loki-config --config collector.yaml --delete-request-store s3",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if shipped && config != "" {
				return usage("--shipped and --config exclude each other, found both")
			}
			classes, err := lokiClasses(c, location, config, shipped)
			if err != nil {
				return err
			}
			if len(classes) == 0 {
				return hint(errors.New("no class is there"), "the archive is empty or no class goes to Loki; --shipped prints the configuration for the classes of the default configuration")
			}
			text, err := loki.Retention(longest(classes), store)
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
	c.Flags().StringVar(&location, "archive", archiveDefault(), archiveUsage)
	c.Flags().StringVar(&config, "config", "", "take the classes of this configuration of a collector")
	c.Flags().BoolVar(&shipped, "shipped", false, "take the classes of the default configuration")
	c.Flags().StringVar(&store, "delete-request-store", "filesystem", "where Loki keeps delete requests, such as s3")
	return c
}

func lokiClasses(c *cobra.Command, location, config string, shipped bool) ([]archive.Class, error) {
	switch {
	case shipped:
		return archive.ShippedClasses(), nil
	case config != "":
		return configuredClasses(config)
	}
	b, err := openArchive(c.Context(), location, true)
	if err != nil {
		return nil, err
	}
	return archive.Classes(c.Context(), b)
}

// longest leaves one class of each name, the one that keeps longest: Loki knows a class by its name.
func longest(classes []archive.Class) []loki.Class {
	var out []loki.Class
	for _, c := range classes { // of one name the longest kept comes first
		if n := len(out); n == 0 || out[n-1].Name != c.Name {
			out = append(out, loki.Class{Name: c.Name, Keep: c.Keep})
		}
	}
	return out
}
