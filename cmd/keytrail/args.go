package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A token that somebody typed as an argument is in the shell's history already; it must not get into a terminal log or
// a ticket as well. So no error of this command repeats what was typed, except for values too short to be a token.

// maxShown is the longest value that an error repeats: longer than what people mistype, shorter than any issued token.
const maxShown = 12

// shown is how an error speaks of a value that it found.
func shown(value string) string {
	if len(value) > maxShown {
		return fmt.Sprintf("%d characters", len(value))
	}
	return fmt.Sprintf("%q", value)
}

const stdinOnly = "a raw token is read from standard input only: keytrail trail --token-stdin"

// noArgs refuses arguments.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return hint(usage("%s takes no argument, found %d", c.CommandPath(), len(args)), stdinOnly)
}

// someArgs wants between least and most arguments.
func someArgs(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usage("%s must be called as: %s, found %s", c.CommandPath(), c.UseLine(), arguments(len(args)))
		}
		return nil
	}
}

func arguments(n int) string {
	switch n {
	case 0:
		return "no argument"
	case 1:
		return "one argument"
	}
	return fmt.Sprintf("%d arguments", n)
}

// knownCommand refuses what is not the name of a subcommand.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	c.SuggestionsMinimumDistance = 2
	if like := c.SuggestionsFor(args[0]); len(like) > 0 {
		return hint(usage("unknown command"), "did you mean "+c.CommandPath()+" "+strings.Join(like, " or ")+"?")
	}
	return hint(usage("unknown command"), c.CommandPath()+" --help lists them; "+stdinOnly)
}

// newHelp replaces cobra's help command, which repeats a topic that it does not know.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about a command",
		RunE: func(c *cobra.Command, args []string) error {
			topic, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return knownCommand(c.Root(), args)
			}
			return topic.Help()
		},
	}
}

// flagError says what is wrong with a flag without the text that was given to it.
func flagError(c *cobra.Command, err error) error {
	help := func(err error) error { return hint(err, c.CommandPath()+" --help lists the flags") }
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		if len(name) > maxShown || unknown.GetSpecifiedShortnames() != "" {
			return help(usage("unknown flag"))
		}
		return help(usage("unknown flag --%s", name))
	case errors.As(err, &missing):
		return help(usage("--%s needs a value", missing.GetFlag().Name))
	case errors.As(err, &invalid):
		return invalidValue(invalid)
	}
	return help(usage("the flags cannot be read"))
}

func invalidValue(e *pflag.InvalidValueError) error {
	f := e.GetFlag()
	if f.Value.Type() == "bool" { // such as --token-stdin=TOKEN
		return hint(usage("--%s takes no value", f.Name), stdinOnly)
	}
	return usage("%s must be of the form %s, found %s", f.Name, f.Value.Type(), shown(e.GetValue()))
}
