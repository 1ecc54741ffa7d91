# Everything a newcomer needs: `make dev` to see it, `make test` to trust it.
SHELL := /bin/bash
export PATH := $(PATH):/usr/sbin

# Programs the heavy suites drive, named as Debian's packages are, and the C
# compiler of the race detector. Without the programs plain `go test ./...` passes
# too, and says what it skipped.
TOOLS := redis-server nginx caddy chromium gcc

# Suites that time real programs: one after the other, and without the race
# detector, which would measure itself.
HEAVY := ^Test(Binary|Browser|Failover|Proxy)
HEAVY_PACKAGES = $(shell grep -rlE '^func Test(Binary|Browser|Failover|Proxy)' --include='*_test.go' . | xargs -r -n1 dirname | sort -u)

.PHONY: dev test check tools build bench cover

# dev runs the whole product on this machine: an emulated ZITADEL, torhaus, a
# demo app and the mails it sent. It needs Go alone.
dev:
	@go build -o bin/dev ./cmd/dev
	@exec bin/dev

# test is the only command before a commit, and all that CI runs.
test: tools check
	go test -race -shuffle=on -timeout 30m -skip '$(HEAVY)' ./...
	@packages="$(HEAVY_PACKAGES)"; if [ -n "$$packages" ]; then \
	  echo "go test -p 1 -run '$(HEAVY)'" $$packages; \
	  go test -p 1 -count=1 -run '$(HEAVY)' $$packages; fi

check:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not gofmt-ed:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go mod tidy -diff

# tools installs what is missing, and nothing where nothing is missing. What is a
# service elsewhere is a program here: policy-rc.d keeps Debian from starting it, and
# it is not started with the machine either.
tools:
	@missing=; for tool in $(TOOLS); do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then echo "missing:$$missing (install them, or their suites are skipped)"; exit 0; fi; \
	sudo=; if [ "$$(id -u)" != 0 ]; then sudo=sudo; fi; \
	echo "installing:$$missing"; \
	policy=/usr/sbin/policy-rc.d; \
	if [ ! -e $$policy ]; then \
	  trap "$$sudo rm -f $$policy" EXIT; \
	  printf '#!/bin/sh\nexit 101\n' | $$sudo tee $$policy >/dev/null; $$sudo chmod 755 $$policy; \
	fi; \
	$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $${missing/ gcc/ gcc libc6-dev} >/dev/null || exit 1; \
	if command -v systemctl >/dev/null; then \
	  for service in $$missing; do $$sudo systemctl disable --quiet $$service 2>/dev/null || true; done; \
	fi

build:
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/torhaus ./cmd/torhaus

bench:
	go test -run '^$$' -bench . -benchmem ./...

cover:
	go test -skip '$(HEAVY)' -coverpkg=./... -coverprofile=cover.out ./...
	go tool cover -func=cover.out | tail -n 1
