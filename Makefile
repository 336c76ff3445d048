# Two commands do all: `make run` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
# Processes of pytest side by side. Most tests wait more than they compute, hence more than the two cores that the targets assume.
WORKERS ?= 8
BIN := $(VENV)/bin
PACKAGES := rates cache instruments history access runtime pipeline gateway simulator standalone drill ratewire
UNITS := "not servers and not slow and not alone and not long"
# What stands on the standard library, on internals of libraries and on compiled parts; `make test-long` runs all with the image's Python.
IMAGE_TESTS := tests/test_library_internals.py $(addprefix tests/,access cache rates runtime pipeline/net gateway/http gateway/websocket gateway/schema)
# The first one compiles the packages, which both halves of the unit tests would do otherwise.
CHECKS := .generated .quick-types .gateway-units .other-units .style workflows
# Tests that judge moments, and wait most of the time.
MOMENTS := tests/drill tests/rolling tests/bench
# Files with tests that measure one by one. To collect the others takes as long as these tests.
ALONE = $(filter-out $(addsuffix /%,$(MOMENTS)),$(shell grep -rl 'mark\.alone' tests --include='test_*.py'))
# What shares the machine with others: what fails runs once more by itself.
AGAIN := tools/pytest-again.sh $(BIN)/pytest
# To rewrite the assertions of all tests takes longer than to compile them.
PLAIN := tools/pytest-plain.sh $(BIN)/pytest
PIP := $(BIN)/pip --disable-pip-version-check --quiet install

# Where it is set, every process compiles all modules and tests again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test .moments .computed .installed .with-servers test-long check .style .generated .types .quick-types .gateway-units .other-units coverage bench bench-page rolling drill chaos soak format lock sdl schema-changes env-example static workflows dist clean

help: ## Show what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(VENV)/.run ## Bring the whole system up in one process; LIVE=1 for the real exchanges, REPLAY=FILE for a recording
	@exec $(BIN)/ratewire up $(if $(LIVE),--live) $(if $(REPLAY),--replay $(REPLAY)) $(if $(SPEED),--speed $(SPEED))

test: $(VENV)/.dev ## Everything that CI runs: check, the drill, the tests with servers side by side, those that measure one by one
	@tools/ensure-servers.sh
	@tools/install-node-packages.sh tests/clients
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target .moments .computed
	@$(MAKE) --no-print-directory .with-servers
	$(AGAIN) -m "alone and not long" $(ALONE)

# The drill, rolling restarts and the benchmarks judge moments, which tests of the same priority would disturb. They wait more than
# they compute: what else is to be computed takes what they leave, and gets the processor only while nobody else wants it. Not beside
# the tests with servers: there a slow test got so little that its limit of 300 s ended it.
.moments:
	$(AGAIN) -m "alone and not long" $(MOMENTS)

.computed:
	@tools/idle.sh $(MAKE) --no-print-directory --jobs 3 --output-sync=target .installed $(CHECKS) .types

.installed: $(VENV)/.dev
	@tools/test-image-python.sh $(VENV) $(IMAGE_TESTS)

.with-servers:
	$(AGAIN) -m "(servers or slow) and not alone and not long" -n $(WORKERS) --dist loadscope --no-loadscope-reorder

test-long: $(VENV)/.dev ## Tests that repeat at greater length what `make test` shows
	@tools/ensure-servers.sh
	@tools/install-node-packages.sh tests/federation tests/relay tests/lighthouse
	@tools/install-generators.sh $(PYTHON)
	$(BIN)/mypy --no-error-summary $(PACKAGES) bench tests tools
	@tools/test-image-python.sh $(VENV) tests -n 2 -m "not servers and not alone and not long"
	RATEWIRE_TEST_LONG=1 $(BIN)/pytest -m "(long or slow) and not alone" -n 2
	RATEWIRE_TEST_LONG=1 $(BIN)/pytest -m $(UNITS) -n 2
	RATEWIRE_TEST_LONG=1 $(BIN)/pytest -m "long and alone"

check: $(VENV)/.dev ## The fast part: style, types, import rules, generated files, unit tests
	@$(MAKE) --no-print-directory --jobs 3 --output-sync=target $(CHECKS)

.style:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m tools.docstrings rates cache instruments history access runtime pipeline standalone gateway bench ratewire tools simulator drill tests examples
	$(BIN)/python -m tools.unique_names
	$(BIN)/python -m tools.retired_names
	$(BIN)/python -m tools.markdown_lines
	$(BIN)/python -m tools.typescript_layers
	@tools/lint-typescript.sh

.generated:
	$(BIN)/python -m tools.generated

workflows: $(VENV)/.dev ## Check the workflows and forms of .github/ by schema and for security; offline
	$(BIN)/check-jsonschema -q --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema -q --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema -q --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/idea.yml
	$(BIN)/check-jsonschema -q --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/zizmor --offline --quiet --persona pedantic .github

dist: $(VENV)/.dev ## Build the wheel into dist/
	rm -rf dist build
	$(BIN)/pip --disable-pip-version-check --quiet wheel --no-deps --wheel-dir dist .
	rm -rf build

# Tests, benchmarks and tools are the larger part, and pyrefly checks them as well.
.types:
	$(BIN)/mypy --no-error-summary $(PACKAGES)

# A fifth of the processor time of mypy, which stays the judge (docs/decisions/0092-pyrefly-in-make-check.md).
.quick-types:
	$(BIN)/pyrefly check --min-severity error --output-format min-text --summary=none

# Two halves that run side by side, of which each imports its own tests only.
.gateway-units:
	@$(PLAIN) -q -m $(UNITS) tests/gateway

.other-units:
	@$(PLAIN) -q -m $(UNITS) tests --ignore tests/gateway

coverage: $(VENV)/.dev ## Branch coverage of the packages by all tests of `make test`, processes that they start included
	@tools/ensure-servers.sh
	@tools/install-node-packages.sh tests/clients
	@rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -m "not alone and not long" -n $(WORKERS) --dist loadscope --no-loadscope-reorder
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --sort cover

bench: $(VENV)/.run ## Measure it beside a plain server and the limits; QUICK=1, PEERS=1, WRITE=1 into docs/performance.md, AGAINST=COMMIT, KEYS=1
	@$(BIN)/python -m bench $(if $(QUICK),--quick) $(if $(ROUNDS),--rounds $(ROUNDS)) $(foreach each,$(ONLY),--only $(each)) $(if $(PEERS),--peers) $(if $(WRITE),--write) $(if $(AGAINST),--against $(AGAINST)) $(if $(KEYS),--keys)

bench-page: $(VENV)/.dev ## Measure what the dashboard costs its viewer: 2,000 instruments for ten minutes; MINUTES=1 for a glance, AGAINST=COMMIT PAIRS=3
	@tools/install-node-packages.sh tests/clients
	@$(if $(AGAINST),AGAINST=$(AGAINST) PAIRS=$(PAIRS) $(BIN)/python -m tests.dashboard.compare_page,MINUTES=$(MINUTES) $(BIN)/python -m tests.dashboard.measure_page)

rolling: $(VENV)/.dev ## Restart two gateways behind nginx under 2,000 viewers, 210 of them real libraries; print what they saw
	@tools/ensure-servers.sh
	@tools/install-node-packages.sh tests/clients
	@$(BIN)/python -m tests.rolling.restart $(if $(EACH),$(EACH) $(GENERATED))

drill: $(VENV)/.run ## Make every simulated source go wrong in every way, and check what the system makes of it
	@$(BIN)/ratewire drill

chaos: $(VENV)/.dev ## Kill, freeze, cut off, fill, skew and restart every part of the distributed form; ONLY=FAULT, WRITE=1 into docs/chaos.md
	@tools/ensure-servers.sh
	@tools/install-node-packages.sh tests/clients
	@$(BIN)/ratewire drill distributed --libraries $(foreach each,$(ONLY),--fault $(each)) $(if $(WRITE),--write docs/chaos.md)

soak: $(VENV)/.dev ## Run the distributed form under steady load for HOURS=1 (fractions too), and fit the growth of each process
	@tools/ensure-servers.sh
	@$(BIN)/ratewire drill soak $(if $(HOURS),--hours $(HOURS))

format: $(VENV)/.dev ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schema-changes: $(VENV)/.dev ## Compare schema.graphql with that of the last release; part of check
	$(BIN)/python -m tools.schema_changes

sdl: $(VENV)/.dev ## Write schema.graphql and schema-admin.graphql from the code
	$(BIN)/python -m gateway.schema.sdl
	$(BIN)/python -m gateway.admin.sdl

env-example: $(VENV)/.dev ## Write .env.example and the tables of settings from the code
	$(BIN)/ratewire show-env > .env.example
	$(BIN)/python -m tools.settings_docs

lock: $(VENV)/.dev ## Resolve the newest versions that pyproject.toml allows into the two lock files
	$(BIN)/pip --quiet install uv
	$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header tests/generators/requirements.in -o tests/generators/requirements.lock

static: $(VENV)/.dev ## Build the pages from dashboard/ into gateway/static/
	cd dashboard && npm ci --no-audit --no-fund && npm run build
	$(BIN)/python -m tools.static_manifest

clean: ## Remove the environment and what a run left behind
	rm -rf $(VENV) .venv-* .run

$(VENV)/.run: requirements.lock pyproject.toml
	@echo "installing into $(VENV) (once)"
	@tools/make-venv.sh $(PYTHON) $(VENV)
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml
	@echo "installing into $(VENV) (once)"
	@tools/make-venv.sh $(PYTHON) $(VENV)
	@$(PIP) --require-hashes -r requirements-dev.lock
	@$(PIP) --no-deps -e .
	@touch $@
