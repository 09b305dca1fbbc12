.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run up down status logs deploy delete check format test simulate web web-check bench bench-index bench-broadcast chaos soak requirements clean

PYTHON ?= python3
TARGET ?= local
EVENTS ?= 20000
FUZZ_SECONDS ?= 300
SEEDS ?= 10000
BIN := .venv/bin

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: ## Install what running needs, and the livedex command into .venv/bin
	@$(PYTHON) -m pipeline.local.install run

setup-dev: ## Install what checks, tests and benchmarks need as well
	@$(PYTHON) -m pipeline.local.install dev

run: setup ## Start everything, send sample events, and watch
	@$(BIN)/livedex run

up: setup ## Start the local engines: OpenSearch and the AWS emulator
	@$(BIN)/livedex up

down: setup ## Stop the local engines
	@$(BIN)/livedex down

status: setup ## Show the local engines and every endpoint
	@$(BIN)/livedex status

logs: setup ## Show the engines' and the functions' lines
	@$(BIN)/livedex logs

deploy: setup ## Package and deploy; TARGET=aws for your account
	@$(BIN)/livedex deploy --target $(TARGET)

delete: setup ## Remove every AWS resource that deploy made
	@$(BIN)/livedex delete --target $(TARGET)

check: setup-dev ## Lint, types, layout, template, specifications, web
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cfn-lint template.yaml
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory web-check; else echo "web/ was not checked: there is no Node"; fi
	$(BIN)/python -m tests.specifications

format: setup-dev ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: setup-dev ## All tests, on the real engines; ends with pytest's summary
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory web/node_modules; fi
	$(BIN)/pytest -n 2 --dist loadfile

simulate: setup-dev ## SEEDS=10000 worlds in which everything fails; 1 when anybody misses a hit or sees one twice
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS)

web: web/node_modules ## Build the browser client and the live page (needs Node 20.19 or later)
	npm --prefix web run build

web-check: web/node_modules ## Lint, format and types of web/
	npm --prefix web run check

web/node_modules: web/package-lock.json
	npm --prefix web ci
	@touch $@

soak: setup-dev ## The long and large tests: crowds of clients, hostile events, a browser cut off 50 times, then FUZZ_SECONDS=300 of atheris
	LIVEDEX_SOAK=1 $(BIN)/pytest localstack/test_a_crowd_of_clients.py tests/soak
	LIVEDEX_SOAK=1 $(BIN)/pytest tests/fuzz tests/contracts/test_table_at_size.py tests/contracts/test_dynamodb_races.py tests/browser/test_missing_nothing.py
	-$(BIN)/uv pip install --quiet --target .tools/atheris atheris==3.0.0
	$(BIN)/python -m tests.fuzz.bytes_through_stages $(FUZZ_SECONDS)

bench: setup-dev ## Benchmarks, one JSON line a figure
	@$(BIN)/python -m benchmarks

bench-index: setup-dev ## The benchmarks of indexing alone
	@$(BIN)/python -m benchmarks index

bench-broadcast: setup-dev ## The benchmarks of broadcasting alone
	@$(BIN)/python -m benchmarks broadcast

chaos: setup-dev ## Hand EVENTS=20000 to the index function while OpenSearch breaks; 1 when sums do not hold
	@$(BIN)/python -m benchmarks.chaos --events $(EVENTS)

requirements: setup-dev ## Pin every requirement file again, with hashes
	for file in requirements/*.in; do $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet --output-file $${file%.in}.txt $$file; done

clean: ## Stop the engines; remove local state and builds (not the downloads)
	@if [ -x $(BIN)/livedex ]; then $(BIN)/livedex down; fi
	rm -rf .livedex build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
