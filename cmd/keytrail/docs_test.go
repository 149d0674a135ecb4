package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// Each keytrail command that a page or a help text shows must be one that can be typed: known, with known flags,
// values that parse, and the right number of arguments.
func TestExamplesOfTheDocsParse(t *testing.T) {
	found := 0
	for _, file := range pages(t) {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, call := range consoleCalls(string(b)) {
			found++
			requireParses(t, file, call)
		}
	}
	require.Greater(t, found, 4, "the README shows how the command is used")
}

func TestExamplesOfTheHelpParse(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			for _, call := range calls(line) {
				requireParses(t, c.CommandPath()+" --help", call)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot())
}

// pages are the Markdown files of the repository.
func pages(t *testing.T) []string {
	t.Helper()
	var out []string
	root := filepath.Join("..", "..")
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata" || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && path != root):
			return fs.SkipDir
		case filepath.Ext(path) == ".md":
			out = append(out, path)
		}
		return nil
	}))
	return out
}

// consoleCalls are the keytrail commands after a prompt in console blocks.
func consoleCalls(page string) [][]string {
	var out [][]string
	in := false
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		switch typed, prompt := strings.CutPrefix(line, "$ "); {
		case strings.HasPrefix(line, "```"):
			in = strings.HasPrefix(line, "```console")
		case in && prompt:
			out = append(out, calls(typed)...)
		}
	}
	return out
}

var word = regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s'"]+`)

// calls are the arguments of each keytrail in a pipeline.
func calls(line string) [][]string {
	var out [][]string
	line, _, _ = strings.Cut(line, " #")
	for part := range strings.SplitSeq(line, "|") {
		words := word.FindAllString(part, -1)
		if len(words) == 0 || filepath.Base(words[0]) != "keytrail" {
			continue
		}
		args := make([]string, 0, len(words))
		for _, w := range words[1:] {
			if w != "&" {
				args = append(args, strings.Trim(w, `'"`))
			}
		}
		out = append(out, args)
	}
	return out
}

func requireParses(t *testing.T, where string, args []string) {
	t.Helper()
	c, rest, err := newRoot().Find(args)
	require.NoError(t, err, "%s: keytrail %s", where, strings.Join(args, " "))
	require.NoError(t, c.ParseFlags(rest), "%s: keytrail %s", where, strings.Join(args, " "))
	if help, _ := c.Flags().GetBool("help"); help {
		return
	}
	require.NoError(t, c.ValidateArgs(c.Flags().Args()), "%s: keytrail %s", where, strings.Join(args, " "))
}
