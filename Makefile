# The verbs of this repository; `make` lists them. Everything is installed into .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SEED ?= 0
SECONDS ?= 60

.DEFAULT_GOAL := help
.PHONY: help setup up demo test lint proto bench fuzz quality attacks clean

help:  ## List the verbs
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(INSTALLED)  ## Install everything (Redis by apt-get where that is possible)

# torch goes first and through pip, which honours the machine's pip.conf; uv then installs the rest around it.
$(INSTALLED): pyproject.toml constraints.txt
	@.ci/redis
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "make setup: $(PYTHON) has no venv; try apt-get install python3-venv" >&2; exit 1; }
	@echo "make setup: installing into $(VENV); torch first, this takes a few minutes"
	@$(BIN)/pip install -qq --disable-pip-version-check -c constraints.txt torch uv
	@$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e '.[embedded,dev,fuzz]'
	@touch $@

up: setup  ## Run the platform on this machine until Ctrl-C
	@$(BIN)/rlvr up

demo: setup  ## Verdicts for example traces, then a small policy that learns (SEED=0)
	@$(BIN)/rlvr demo --seed $(SEED)

# Two at a time, see tests/conftest.py. Bytecode is kept, whatever the environment says: hundreds of processes start.
test: export PYTHONDONTWRITEBYTECODE :=
test: setup lint  ## Lint, types, contracts, stubs, and every test
	$(BIN)/pytest -n 2

lint: setup  ## Style, types, import contracts, proto lint, stub freshness
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint proto
	@.ci/stubs --check

proto: setup  ## Generate the gRPC stubs again
	@.ci/stubs

bench: setup  ## Measure against the design's budgets
	$(BIN)/python tests/bench/run.py

quality: setup  ## Grade the labelled sets in DATA (../shared/data), put the tables into docs/verifiers.md
	@DATA="$(or $(DATA),../shared/data)" .ci/quality

attacks: setup  ## Attack the code verifier on every tier this host has, put the table into docs/security.md
	@.ci/attacks

fuzz: setup  ## Look for inputs that the math verifier does not bear (SECONDS=60)
	$(BIN)/python tests/fuzz/fuzz_math.py $(SECONDS)

clean:  ## Remove what the other verbs made, the environment included
	rm -rf $(VENV) .rlvr build services/*.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
