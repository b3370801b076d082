# `make` lists what there is. Everything is installed into .venv from the lock files, once: a stamp inside the venv says
# which lock it was filled from, so a second call installs nothing and a removed .venv is simply made again.
#
# PYTHON=python3.13 make test   chooses the interpreter (3.11 or newer); a .venv of another version is made anew.

VENV   ?= .venv
CONFIG ?= router.yaml
ARGS   ?=
BIN    := $(VENV)/bin
UV     := 0.13.9

# The first that runs and is new enough. A name on PATH is not proof: version managers leave names that only print an error.
FIND_PYTHON = for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done
PYTHON ?= $(shell $(FIND_PYTHON))
VERSION := $(shell $(PYTHON) -c 'import sys; sys.version_info < (3, 11) or print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)

PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
RUN := $(VENV)/.run-$(VERSION)
DEV := $(VENV)/.dev-$(VERSION)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install run test cover lint format types schema bench conformance soak check lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: $(RUN) ## serve router.yaml on 127.0.0.1:4000 (CONFIG=other.yaml)
	@exec $(BIN)/router serve -c $(CONFIG) $(ARGS)

test: $(DEV) ## all tests (ARGS="-k name")
	$(BIN)/python -m pytest $(ARGS)

install: $(DEV) ## fill .venv with everything the other targets need

cover: $(DEV) ## all tests with branch coverage
	$(BIN)/python -m coverage run -m pytest $(ARGS)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

lint: $(DEV) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(DEV) ## let ruff repair what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(DEV) ## mypy --strict
	$(BIN)/mypy

schema: $(RUN) ## write schemas/router.schema.json anew from the configuration model
	@mkdir -p schemas
	$(BIN)/router schema > schemas/.router.schema.json.new
	@mv schemas/.router.schema.json.new schemas/router.schema.json

bench: $(DEV) ## measure on loopback, write bench/RESULTS.md
	$(BIN)/python bench/run.py $(ARGS)

conformance: $(RUN) ## real SDKs against the daemon over third-party mocks (installs them into .cache)
	$(BIN)/python tests/conformance/run.py $(ARGS)

soak: $(DEV) ## 10,000 requests with random faults and departures, then nothing may be left (ARGS="--seed 2")
	$(BIN)/python -m tests.soak.soak $(ARGS)

check: ## what CI runs
	.ci/run

lock: .cache/uv-$(UV)/.done ## resolve the newest allowed versions into requirements*.lock
	$(COMPILE) --group build -o requirements.lock pyproject.toml
	$(COMPILE) --group build --group dev -c requirements.lock -o requirements-dev.lock pyproject.toml
	cd tests/conformance && for name in sdks llmock node; do ../../$(COMPILE) -o $$name.lock $$name.in || exit 1; done

clean: ## remove everything that can be made again
	rm -rf $(VENV) .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache .coverage build *.egg-info

# One lock for all platforms and Python versions; hashes, and no word about where packages come from: that is the
# installing machine's own setting.
COMPILE = .cache/uv-$(UV)/bin/uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock"

$(VENV)/.python-$(VERSION):
	@test -n "$(VERSION)" || { echo "Python 3.11 or newer is needed; name one with PYTHON=…" >&2; exit 1; }
	@test "$$($(BIN)/python -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)" = "$(VERSION)" \
		|| $(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(RUN): requirements.lock pyproject.toml | $(VENV)/.python-$(VERSION)
	$(PIP) install --quiet --require-hashes -r requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements-dev.lock $(RUN)
	$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

.cache/uv-$(UV)/.done:
	$(PYTHON) -m venv --clear .cache/uv-$(UV)
	.cache/uv-$(UV)/bin/python -m pip --disable-pip-version-check install --quiet uv==$(UV)
	@touch $@
