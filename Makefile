# customer360: the commands a person types. `make help` lists them.

.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
C360 := $(VENV)/bin/c360
STAMP := $(VENV)/.installed
EXPLORE_STAMP := $(VENV)/.explore-installed
DEMO ?= data/demo
DEMO_PEOPLE ?= 20000
DEMO_LINES ?= 200000
DEMO_DAYS ?= 14
LINT_WAREHOUSE ?= .lint/warehouse
# uv when it is on the path, else one of our own, made from pip below.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
# Benchmarks run their rivals by it.
export PATH := $(PATH):$(CURDIR)/.uv/bin

.PHONY: help install demo bench-identity bench-value bench-refresh bench-nights bench-start bench-query bench-gates policy-docs test test-slow test-nights fuzz fuzz-coverage lint types models docs dev clean test-browser explore test-mirror test-clients test-docs

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.uv/bin/uv:
	python3 -m venv .uv
	.uv/bin/pip install --quiet uv

$(STAMP): pyproject.toml uv.lock | $(if $(findstring .uv,$(UV)),.uv/bin/uv)
	@# Compiled once here: where Python may not write its caches, every command would compile all it imports.
	$(UV) sync --frozen --quiet --compile-bytecode
	@touch $@

$(EXPLORE_STAMP): $(STAMP)
	$(UV) sync --frozen --quiet --compile-bytecode --extra explore
	@touch $@

install: $(STAMP) ## make the environment in .venv from the lock file

demo: install ## a generated world, end to end, to a published file (DEMO=folder DEMO_PEOPLE=n DEMO_LINES=n)
	$(C360) generate --landing $(DEMO)/landing --people $(DEMO_PEOPLE) --lines $(DEMO_LINES) --days $(DEMO_DAYS)
	$(C360) refresh --landing $(DEMO)/landing --warehouse $(DEMO)/warehouse

test: install ## the default tests on every core, under 10 minutes on 2
	@# A file stays with one worker, so that a warehouse built for its tests is built once.
	$(VENV)/bin/python -m pytest -n auto --dist loadfile

test-slow: install ## real and large input, killed runs, readers during publication
	$(VENV)/bin/python -m pytest -m slow

test-nights: install ## nights in random order against a rebuild, every row of every table (SEEDS="1 2 3", NIGHTS=n, COMPARE=each, ONLY=names)
	$(VENV)/bin/python -m pytest -m slow -s tests/pipeline/test_nights_equal_a_rebuild.py \
		$(foreach seed,$(SEEDS),--walk-seed $(seed)) $(if $(NIGHTS),--walk-nights $(NIGHTS)) \
		$(if $(COMPARE),--walk-compare $(COMPARE)) $(if $(ONLY),--walk-only $(ONLY))

fuzz: install ## new random cases against the readers and parsers, some minutes; docs/reliability.md says how many
	$(VENV)/bin/python -m pytest tests/hostile --hypothesis-profile=explore --hypothesis-show-statistics

test-browser: $(EXPLORE_STAMP) ## dashboard and explorer in a headless Chromium (Debian: apt-get install chromium)
	$(VENV)/bin/python -m pytest -m slow tests/dashboard tests/explorer

test-mirror: install ## `c360 mirror` on a PostgreSQL server of its own (needs initdb and pg_ctl)
	$(VENV)/bin/python -m pytest -m "server or not slow" tests/mirror

test-clients: install ## real BI clients on a file that is published anew meanwhile (needs uv, npm and their registries)
	$(VENV)/bin/python -m pytest -m clients tests

test-docs: install ## every command of README.md, CONTRIBUTING.md and docs/*.md, in a fresh copy with a small world
	$(VENV)/bin/python -m pytest -m slow tests/documentation

RUNS ?= 100000
fuzz-coverage: install ## the parsers under atheris, RUNS=n inputs (needs the package index)
	$(UV) run --frozen --no-sync --quiet --with atheris python -m tests.hostile.with_atheris -atheris_runs=$(RUNS) -max_len=400

lint: install ## ruff on the Python, sqlfluff on the SQL
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	@# sqlfluff compiles each model, and models read the policy tables: a scratch warehouse holds them.
	$(C360) dbt --warehouse $(LINT_WAREHOUSE) seed --quiet
	C360_WAREHOUSE=$(abspath $(LINT_WAREHOUSE)) $(VENV)/bin/sqlfluff lint models dbt_project

types: $(EXPLORE_STAMP) ## mypy, which reads the types of every extra
	$(VENV)/bin/mypy

models: install ## build and unit-test the models on the warehouse of .env, without a warning
	$(C360) dbt build --warn-error --show-all-deprecations

bench-identity: install ## identity resolution against its rivals, side by side (needs the package index)
	$(VENV)/bin/python -m benchmarks.identity

policy-docs: install ## docs/policy.md from the policy tables
	$(C360) policy docs

bench-refresh: install ## a full rebuild by stage and size, against a floor, pandas and Splink (SIZES="lines …", ROOM=folder, AGAIN=1)
	$(VENV)/bin/python -m benchmarks.refresh $(if $(SIZES),--sizes $(SIZES)) $(if $(ROOM),--room $(ROOM)) $(if $(AGAIN),--again)

bench-nights: install ## a night by what it brings and by the history before it (SIZES="lines …", ROOM=folder, AGAIN=1)
	$(VENV)/bin/python -m benchmarks.nights $(if $(SIZES),--histories $(SIZES)) $(if $(ROOM),--room $(ROOM)) $(if $(AGAIN),--again)

bench-start: install ## seconds until the first asset, by cause
	$(VENV)/bin/python -m benchmarks.start

bench-query: install ## twelve questions to the published file, one reader and four (SIZES="customers …", ROOM=folder, AGAIN=1)
	$(VENV)/bin/python -m benchmarks.query $(if $(SIZES),--sizes $(SIZES)) $(if $(ROOM),--room $(ROOM)) $(if $(AGAIN),--again)

bench-gates: install ## what every gate costs on a built warehouse (WAREHOUSE=folder)
	$(VENV)/bin/python -m benchmarks.gates $(WAREHOUSE)

bench-value: install ## customer value against its published figures and PyMC-Marketing (needs the package index)
	$(VENV)/bin/python -m benchmarks.value

docs: install ## dbt's documentation site, into <warehouse>/dbt
	$(C360) dbt docs generate

explore: $(EXPLORE_STAMP) ## look customers and audiences up on http://127.0.0.1:8501 (ROLE=name)
	$(C360) explore $(if $(ROLE),--role $(ROLE))

dev: install ## the Dagster UI on http://127.0.0.1:3000
	$(C360) dev

clean: ## remove the environment and the demo's data
	rm -rf $(VENV) .uv .lint data/demo
