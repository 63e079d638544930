# `make` prints what there is. Go must be on PATH; the rest is fetched as pinned.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

GO       ?= go
# Tools live in a module of their own, so that what they need never moves what the programs link.
TOOL     := $(GO) tool -modfile=tools/go.mod
BIN      := bin
# Where a variable's default is empty, go test sees nothing.
PKG      ?= ./...
RUN      ?=
ARGS     ?=
FUZZTIME ?= 10s
BENCHTIME ?= 2s
COUNT    ?= 1
N        ?= 1000000
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null)
# One way to build for all targets, so that the first that builds serves the others.
BUILD    := CGO_ENABLED=0 $(GO) build -trimpath -ldflags="-s -w -X accessrelay/internal/ops.version=$(VERSION)" -o $(BIN)/
BUILDING := @mkdir -p $(BIN); echo "building … (the first time takes minutes)"

.PHONY: help
help: ## Print this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: dev
dev: ## Run everything in one process, with an inbox to look at (ARGS=--free-ports where ports are taken)
	$(BUILDING)
	@$(BUILD) ./cmd/relayctl && exec $(BIN)/relayctl dev $(ARGS)

.PHONY: build
build: ## Build ingest, worker, relayctl and chaos into bin/
	$(BUILDING)
	@$(BUILD) ./cmd/...

.PHONY: redis
redis:
	@command -v redis-server >/dev/null && exit 0; \
	if [[ $$(id -u) == 0 ]] && command -v apt-get >/dev/null; then \
		echo "redis-server is not on PATH: installing Debian's"; \
		apt-get update -qq >/dev/null && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server >/dev/null 2>&1; \
	fi; \
	command -v redis-server >/dev/null || { \
		echo "make: the tests start redis-server (7.0 or newer) themselves and it is not on PATH;" \
		     "install it: apt-get install redis-server, brew install redis, …" >&2; exit 1; }

# A test follows the README, which calls these. The packages have their names.
.PHONY: readme-tools
readme-tools:
	@missing=(); for tool in curl openssl python3; do command -v $$tool >/dev/null || missing+=($$tool); done; \
	[[ $${#missing[@]} == 0 ]] && exit 0; \
	if [[ $$(id -u) == 0 ]] && command -v apt-get >/dev/null; then \
		echo "not on PATH: $${missing[*]}: installing Debian's"; \
		apt-get update -qq >/dev/null && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}" >/dev/null 2>&1; \
	fi; \
	for tool in "$${missing[@]}"; do command -v $$tool >/dev/null || { \
		echo "make: a test follows the README, which calls $$tool, and it is not on PATH: install it" >&2; exit 1; }; done

# The e2e tests send mail to a server that is not ours. Debian's python3 may not
# be the one that is first on PATH.
.PHONY: mail-tools
mail-tools: readme-tools
	@has() { for py in python3 /usr/bin/python3; do $$py -c 'import aiosmtpd' 2>/dev/null && return; done; return 1; }; \
	has && exit 0; \
	if [[ $$(id -u) == 0 ]] && command -v apt-get >/dev/null; then \
		echo "python3 has no aiosmtpd: installing Debian's"; \
		apt-get update -qq >/dev/null && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-aiosmtpd >/dev/null 2>&1; \
	fi; \
	has || { \
		echo "make: the tests start a mail server with python3's aiosmtpd, which it does not have;" \
		     "install it: apt-get install python3-aiosmtpd, pip install aiosmtpd, …" >&2; exit 1; }

# The e2e tests publish to a server of SNS's protocol that is not ours. It is an npm
# package; what it needs is pinned by the lock file, and stands in bin/.
NODE_TOOLS := internal/e2e/testdata/node
.PHONY: aws-tools
aws-tools:
	@has() { [[ $$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0) -ge 20 ]] && command -v npm >/dev/null; }; \
	if ! has && [[ $$(id -u) == 0 ]] && command -v apt-get >/dev/null; then \
		echo "node 20 and npm are not on PATH: installing Debian's"; \
		apt-get update -qq >/dev/null && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null 2>&1 || true; \
	fi; \
	has || { \
		echo "make: the tests start an SNS server that runs on node 20 or newer, with npm, and there is $$(node --version 2>/dev/null || echo none);" \
		     "install it: apt-get install nodejs npm (Debian 13), brew install node, https://nodejs.org" >&2; exit 1; }; \
	cmp -s $(NODE_TOOLS)/package-lock.json $(BIN)/node/installed.json && exit 0; \
	echo "installing what $(NODE_TOOLS)/package-lock.json pins into $(BIN)/node"; \
	mkdir -p $(BIN)/node; cp $(NODE_TOOLS)/package.json $(NODE_TOOLS)/package-lock.json $(BIN)/node/; \
	(cd $(BIN)/node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null); \
	cp $(NODE_TOOLS)/package-lock.json $(BIN)/node/installed.json

# A test clicks through the inbox in a real browser. The names are those that it looks for.
.PHONY: browser
browser:
	@has() { for b in chromium chromium-browser google-chrome; do command -v $$b >/dev/null && return; done; return 1; }; \
	has && exit 0; \
	if [[ $$(id -u) == 0 ]] && command -v apt-get >/dev/null; then \
		echo "no browser is on PATH: installing Debian's chromium"; \
		apt-get update -qq >/dev/null && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null 2>&1; \
	fi; \
	has || { \
		echo "make: a test clicks through the inbox in chromium or google-chrome, and neither is on PATH;" \
		     "install one: apt-get install chromium, brew install --cask google-chrome, …" >&2; exit 1; }

# All that the tests call beside Go.
.PHONY: test-tools
test-tools: redis readme-tools mail-tools aws-tools browser

# The tests of whole programs run by themselves: they wait for things to happen, and time is short
# where other packages' tests have the processors.
TEST := $(GO) test -race -timeout=20m -count=$(COUNT) $(if $(RUN),-run '$(RUN)')

.PHONY: test
test: test-tools ## Run all tests with the race detector (PKG=./internal/queue RUN=TestX to narrow)
ifeq ($(PKG),./...)
	$(TEST) $$($(GO) list ./... | grep -v '/internal/e2e$$')
	$(TEST) ./internal/e2e
else
	$(TEST) $(PKG)
endif

.PHONY: cover
cover: test-tools ## Run all tests and print the coverage of each function's file and the total
	@mkdir -p $(BIN)
	$(GO) test -covermode=atomic -coverpkg=./internal/... -coverprofile=$(BIN)/cover.out $(PKG) >$(BIN)/cover.log || { cat $(BIN)/cover.log; exit 1; }
	$(GO) tool cover -func=$(BIN)/cover.out

.PHONY: vet
vet: ## go vet
	$(GO) vet ./...

.PHONY: fmt-check
fmt-check: ## Fail when a file is not as gofmt writes it
	@files=$$(gofmt -l cmd deploy internal); [[ -z $$files ]] || { echo "not as gofmt writes it:" $$files >&2; exit 1; }

.PHONY: lint
lint: ## golangci-lint, as .golangci.yml says (the first run builds it)
	$(TOOL) golangci-lint run

.PHONY: vuln
vuln: ## govulncheck; says so and passes where its database cannot be reached
	@status=0; out=$$($(TOOL) govulncheck ./... 2>&1) || status=$$?; \
	printf '%s\n' "$$out"; \
	if [[ $$status == 1 ]] && grep -q '^govulncheck: fetching vulnerabilities: ' <<<"$$out"; then \
		echo "vuln: not checked, for the vulnerability database cannot be reached from here"; exit 0; \
	fi; \
	exit $$status

.PHONY: tidy-check
tidy-check: ## Fail when go.mod or go.sum is not as go mod tidy leaves it
	$(GO) mod tidy -diff
	$(GO) -C tools mod tidy -diff

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (10s) each
	@for pkg in $$($(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' $(PKG)); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "== $$pkg $$target"; \
			$(GO) test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) $$pkg; \
		done; \
	done

.PHONY: chaos
chaos: redis ## Break everything and account for every event (ARGS="--seed 7"; ARGS=--help tells more)
	$(BUILDING)
	@$(BUILD) ./cmd/ingest ./cmd/worker ./cmd/chaos
	$(BIN)/chaos $(ARGS)

.PHONY: bench
bench: redis ## Run every benchmark, the end-to-end latency among them (BENCHTIME=2s COUNT=1)
	$(GO) test -run='^$$' -bench=. -benchmem -benchtime=$(BENCHTIME) -count=$(COUNT) $(PKG)

.PHONY: million
million: redis ## Have ingest accept N events (1000000) with no worker, then a worker deliver them; fails when memory grows
	$(BUILDING)
	@$(BUILD) ./cmd/ingest ./cmd/worker
	$(GO) run ./internal/bench/million -bin $(BIN) -n $(N) $(ARGS)

.PHONY: benchstat
benchstat: ## Compare two outputs of make bench: make benchstat OLD=a.txt NEW=b.txt
	$(TOOL) benchstat $(OLD) $(NEW)

.PHONY: screenshots
screenshots: browser ## Have the browser's test write the screenshots of docs/images
	@mkdir -p docs/images
	ACCESSRELAY_SCREENSHOTS=$(CURDIR)/docs/images $(GO) test -count=1 -run=TestInboxInABrowser ./internal/e2e

.PHONY: compose-up
compose-up: ## Build the images and start the stack of deploy/compose.yaml
	VERSION=$(VERSION) docker compose -f deploy/compose.yaml up --build

.PHONY: check
check: fmt-check vet lint tidy-check test vuln ## All that CI runs
