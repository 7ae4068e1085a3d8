# The one vocabulary, for people and for CI. All set-up lives in .venv.
# Needs make and CPython 3.11 to 3.14; PYTHON=/path/to/python3 prefers one. ARGS are passed on.

PYTHON ?= python3
ARGS ?=
AUDIT ?=
BIN := .venv/bin
SETUP := PYTHON="$(PYTHON)" sh ops/setup.sh
PYTEST := $(BIN)/python -m pytest -n 2
COVERED := app.credits $(addprefix app.jobs.,settle leases cancel sweeps rescue refund)

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-bench bench-test demo up migrate test check coverage lint types rules audit sbom bench chaos fuzz screenshots lock

help: ## this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1|/' | \
		while IFS='|' read -r name does; do printf '  make %-10s %s\n' "$$name" "$$does"; done

setup:
	@$(SETUP) runtime

setup-dev:
	@$(SETUP) dev

setup-bench:
	@$(SETUP) bench

demo: setup ## set-up, then the main job on a sample export; ARGS=--once exits after it
	@$(BIN)/sixfold demo $(ARGS)

up: setup ## set-up, then an embedded instance until Ctrl-C; ARGS="--port 8000 --data-dir DIR"
	@$(BIN)/sixfold up $(ARGS)

migrate: setup ## set-up, then bring the database of SIXFOLD_DATABASE_URL up to date
	@$(BIN)/sixfold migrate $(ARGS)

test: setup-dev ## set-up, then the whole test-suite; ARGS="-k unlock" selects
	@$(PYTEST) $(ARGS)

check: setup-dev ## what CI runs: format, lint, types, imports, migrations, audit, tests
	@$(MAKE) --no-print-directory -j 3 lint audit
	@$(PYTEST) $(ARGS)

coverage: setup-dev ## branch coverage of the ledger and of every way a job ends: all of it
	@$(PYTEST) tests/credits tests/jobs tests/unlocks tests/costs tests/faults tests/races tests/api/test_credits.py \
		$(foreach module,$(COVERED),--cov=$(module)) --cov-branch --cov-report=term-missing \
		--cov-fail-under=100

lint: types rules

types: setup-dev
	@echo "types";      $(BIN)/pyright

rules: setup-dev
	@echo "format";     $(BIN)/ruff format --check --quiet .
	@echo "lint";       $(BIN)/ruff check --quiet .
	@echo "imports";    $(BIN)/lint-imports
	@echo "lock";       $(BIN)/python ops/check_lock.py
	@echo "migrations"; $(BIN)/python ops/check_migrations.py
	@echo "documents";  $(BIN)/python ops/write_docs.py --check

audit: setup-dev ## known vulnerabilities of the locks; AUDIT=--allow-unaudited where no source can be asked
	@echo "audit";      $(BIN)/python ops/audit.py $(AUDIT)

sbom: setup-dev ## write dist/sbom.cdx.json and dist/licences.txt: what the product consists of
	@$(BIN)/python ops/sbom.py $(ARGS)

bench: setup-bench ## the sync design against this one; ARGS="--quick", "--peers" or "--only idle,unlock"
	@$(BIN)/python -m benchmarks.run $(ARGS)

bench-test: setup-dev setup-bench ## set-up, then the tests of the benchmark: every contestant does the same work
	@$(PYTEST) benchmarks/tests $(ARGS)

chaos: setup-dev ## the fault campaign; SECONDS=120 SEED=1, ARGS="--only outages" selects faults
	@$(BIN)/python -m tests.chaos --seconds $(or $(SECONDS),120) --seed $(or $(SEED),1) $(ARGS)

fuzz: setup-dev ## hostile requests, forms and tokens, then inputs for the importer; EXAMPLES=30000, INPUTS=1000000 SECONDS=600 SEED=1
	@EXAMPLES=$(or $(EXAMPLES),30000) SEED=$(or $(SEED),1) $(BIN)/python -m pytest -n 0 -q -s tests/contract
	@$(BIN)/python -m tests.chats.fuzz --inputs $(or $(INPUTS),1000000) --seconds $(or $(SECONDS),600) \
		--seed $(or $(SEED),1)

screenshots: setup-dev ## write docs/images: every view, both widths, both themes; ARGS="reader chat" selects
	@$(BIN)/python -m tests.screenshots $(ARGS)

lock: setup-dev ## write the locks from pyproject.toml; ARGS=--upgrade takes newest versions
	@sh ops/lock.sh $(ARGS)
