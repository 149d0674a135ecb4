# Keytrail. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

# One set of flags for every build, the ones ocb uses itself, so that all of them share Go's build cache.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath -buildvcs=false

TOOL := go tool -modfile=$(CURDIR)/internal/tools/go.mod
OCB := $(TOOL) builder --config builder-config.yaml
VERSION = $(shell sed -n 's/^  version: *//p' builder-config.yaml)
BIN := bin

# Packages in which goroutines share state: they also run under the race detector.
RACY := ./internal/archive/bucket/... ./internal/fingerprint/... ./internal/secret/... ./internal/journal/... ./internal/owner/... ./internal/query/... \
	./internal/ship/... ./receiver/... ./processor/... ./connector/... ./exporter/... ./extension/...

# What they leave out runs without it alone: tables of faults, one after the other, that write hundreds of blocks. A zstd
# encoder's tables cost the race detector most of a second each.
NOT_RACY := TestEveryAnswerOfTheStore|TestTheStoreIsAwayForAnHour|TestLokiCatchesUpFromTheBlocks|TestLokiGetsNothingTwice

.PHONY: help build demo servers test lint generate bench fuzz ocb clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

build: ## build bin/otelcol-keytrail and bin/keytrail
	@mkdir -p $(BIN)
	go build -ldflags '-s -w' -o $(BIN)/ ./cmd/otelcol-keytrail
	go build -ldflags '-s -w -X main.version=$(VERSION)' -o $(BIN)/ ./cmd/keytrail

demo: build ## feed the collector three weeks of sample traffic with an incident, and say where to look
	$(BIN)/keytrail demo $(ARGS)

# The real servers that the scenarios start (testbed/servers/README.md), each from a module of its own.
SERVERS := loki minio versitygw gitleaks

servers: $(SERVERS:%=$(BIN)/servers/%) testbed/readers/node_modules ## get the real servers and peers that the tests start

$(BIN)/servers/%: testbed/servers/%/go.mod
	@mkdir -p $(@D)
	cd testbed/servers/$* && go build -ldflags '-s -w' -o $(CURDIR)/$@ $$(sed -n 's/^tool //p' go.mod)

testbed/readers/node_modules: testbed/readers/package-lock.json
	cd $(@D) && npm install --no-save --prefer-offline --no-audit --no-fund --silent # not `ci`: it wants the packages of all platforms
	@touch $@

test: lint build servers ## everything: lint, unit, golden, fuzz seeds, race detector, scenarios with the real binary
	go test ./...
	CGO_ENABLED=1 go test -race -skip '$(NOT_RACY)' $(RACY)
	CGO_ENABLED=1 go test -race -run 'Concurrent|Snapshot|Dead|Endpoint' ./internal/detect
	KEYTRAIL_BIN=$(CURDIR)/$(BIN) go test -tags scenario -count=1 -parallel 4 -timeout 30m ./testbed/...

lint: ## golangci-lint (depguard holds the import rules), gofmt
	$(TOOL) golangci-lint run ./...

generate: ## rewrite what is generated: cmd/otelcol-keytrail from builder-config.yaml, each component's mdatagen files
	$(OCB) --output-path cmd/otelcol-keytrail --skip-get-modules --skip-compilation
	for m in $$(git ls-files --cached --others --exclude-standard '*/metadata.yaml'); do \
		(cd $$(dirname $$m) && $(TOOL) mdatagen metadata.yaml); done

bench: build ## print the figures of docs/benchmarks.md, each beside a peer in the same run
	KEYTRAIL_BIN=$(CURDIR)/$(BIN) go run ./testbed/bench $(ARGS)

fuzz: ## run every fuzz target for FUZZTIME (default 1m) each
	go run ./internal/arch/fuzzall -time $(or $(FUZZTIME),1m)

ocb: ## build _build/otelcol-keytrail as a stranger would, with ocb and strict versions
	$(OCB) --skip-strict-versioning=false

clean: ## remove what the other targets made
	rm -rf $(BIN) _build data
