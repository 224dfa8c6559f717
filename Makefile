# The two commands to know: `make demo` and `make test`. Both work on a bare Debian 12 with
# Python 3.11, git and make, and install the rest by themselves into .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
WORKERS ?= 4
SEED ?= 7
NIGHTS ?= 1
BENCH_JSON ?= .bench/bench.json

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test check simulate bench bench-dispatch assets screenshots screens constraints clean \
	_bootstrap_demo _bootstrap_dev _bootstrap_bench _lint _check_and_prepare _tools _bench_tools

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: _bootstrap_demo ## run the cloud, three booths and a lot on a sample district
	@exec $(BIN)/valet-server demo

test: _bootstrap_dev _check_and_prepare ## run every check and every test
	$(BIN)/coverage erase
	$(BIN)/pytest --numprocesses=$(WORKERS) --dist=loadfile --cov --cov-report=term

check: _bootstrap_dev _lint ## run the checks that need no test: style, types, layers, advisories
	$(BIN)/python .ci/audit_dependencies.py

simulate: _bootstrap_dev ## live through nights with faults: SEED=7 NIGHTS=3
	$(BIN)/python -m tests.simulation --seed $(SEED) --nights $(NIGHTS)

bench: _bootstrap_bench _tools _bench_tools ## measure, and write the figures as JSON
	@mkdir -p $(dir $(BENCH_JSON))
	VALET_TEST_BENCH_JSON=$(abspath $(BENCH_JSON)) \
		$(BIN)/pytest tests/bench --override-ini=faulthandler_timeout=0
	@echo "figures: $(BENCH_JSON)"

bench-dispatch: _bootstrap_dev ## measure what each policy makes of each kind of night
	@mkdir -p $(dir $(BENCH_JSON))
	VALET_TEST_BENCH_JSON=$(abspath $(BENCH_JSON)) $(BIN)/pytest -s --numprocesses=0 \
		tests/bench/test_dispatch_policies.py --override-ini=faulthandler_timeout=0
	@echo "figures: $(BENCH_JSON)"

assets: _bootstrap_dev ## rebuild the front-end bundles and the message catalogs
	$(BIN)/python -m pip install --quiet --no-deps --editable .

screenshots: _bootstrap_dev _tools ## make the pictures in the README anew
	$(BIN)/python -m tests.browser.screenshots

screens: _bootstrap_dev _tools ## keep a picture of every screen that the tests look at
	@mkdir -p .bench/screens
	VALET_TEST_SCREENS=$(abspath .bench/screens) \
		$(BIN)/pytest tests/browser --numprocesses=$(WORKERS) --dist=loadfile
	@echo "pictures: .bench/screens"

constraints: ## pin every package, also the indirect ones, to the newest that setup.cfg allows
	$(PYTHON) .ci/pin_constraints.py

clean: ## remove what was built, and the environment
	rm -rf .venv .bench .demo .hypothesis .import_linter_cache .ruff_cache build dist *.egg-info
	rm -rf booth_ui/node_modules booth_ui/static/dist server/static/dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find booth_ui server -name '*.mo' -delete

_bootstrap_demo:
	@$(PYTHON) .ci/bootstrap.py agent,server

_bootstrap_dev:
	@$(PYTHON) .ci/bootstrap.py agent,server,dev

_bootstrap_bench:
	@$(PYTHON) .ci/bootstrap.py agent,server,dev,bench

_lint:
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python .ci/find_weaknesses.py & $(BIN)/mypy && wait $$!
	$(BIN)/lint-imports --no-logo --cache-dir .venv/.cache/import-linter

# The types keep one core busy. On another, what the tests need is found, and every test compiled: the
# workers begin all at once, and each would do it for itself.
_check_and_prepare:
	@{ $(MAKE) --no-print-directory _tools && \
		{ $(BIN)/pytest --collect-only --quiet --numprocesses=0 >/dev/null || true; }; } & \
		$(MAKE) --no-print-directory _lint && wait $$!

_tools:
	@$(BIN)/python .ci/find_tools.py

_bench_tools:
	@$(BIN)/python .ci/find_tools.py bench
