// Command fuzzall runs every fuzz target of the repository for a while, one after the other.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"
	"time"
)

func main() {
	each := flag.Duration("time", time.Minute, "how long each target runs")
	flag.Parse()
	out, err := exec.Command("go", "list", "./...").Output()
	if err != nil {
		log.Fatal(err)
	}
	for _, pkg := range strings.Fields(string(out)) {
		for _, target := range targets(pkg) {
			fmt.Printf("%s %s\n", pkg, target)
			cmd := exec.Command("go", "test", "-run=^$", "-fuzz=^"+target+"$", "-fuzztime="+each.String(), pkg)
			cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
			if err := cmd.Run(); err != nil {
				log.Fatalf("%s %s: %v", pkg, target, err)
			}
		}
	}
}

func targets(pkg string) []string {
	out, err := exec.Command("go", "test", "-list=^Fuzz", pkg).Output()
	if err != nil {
		log.Fatalf("%s: %v", pkg, err)
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		if name := strings.TrimSpace(line); strings.HasPrefix(name, "Fuzz") {
			found = append(found, name)
		}
	}
	return found
}
