# Two commands do everything: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
# Options of `ctlctl lab up` for `make demo`, such as another --address where a lab runs already
LAB    ?=
# Tests wait for clocks and sockets more than they work, so one more at a time than there are cores; JOBS=1 on a weak machine
JOBS   ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)

.PHONY: demo demo-lists test check unit soak bench lock findings-doc screenshots clean help

help: ## what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

$(STAMP): requirements/uv.txt requirements/run.txt requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("ctlctl needs Python 3.11 or later, this is %s; set PYTHON=..." % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv --clear $(VENV) || { echo 'no venv module: on Debian, apt-get install python3-venv' >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip install --system-certs --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@$(BIN)/uv pip install --system-certs --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## the main job: ctld watches a lab cluster, healthy and in trouble
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python scripts/demo_watch.py $(LAB)

demo-lists: $(STAMP) ## make trust lists, good and bad, and verify them
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python scripts/demo_lists.py

test: $(STAMP) ## set up, then all checks and tests (system packages are installed when root)
	@sh scripts/system-packages.sh
	@$(MAKE) --no-print-directory check unit

check: $(STAMP) ## formatting, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

unit: $(STAMP) ## the tests, in random order on every core, with the coverage gate
	$(BIN)/pytest --numprocesses=$(JOBS) --dist=worksteal --cov --cov-report=term --durations=10

soak: $(STAMP) ## the long campaigns: properties on other inputs each time, 2,000,000 fuzz runs a target, 200 kills of store and daemon, an hour of rounds, a rollout of 2,000 phones and 300 kills of one
	$(BIN)/python tests/fuzz/campaign.py --runs 2000000
	CTLCTL_EXPLORE=1 $(BIN)/pytest tests -m hypothesis --no-cov --timeout 7200
	CTLCTL_KILLS=200 $(BIN)/pytest tests/integration/test_store_crash.py tests/integration/test_ctld_trouble.py -k 'random_statement or killed_at' --no-cov --timeout 7200
	CTLCTL_PHONES=2000 $(BIN)/pytest tests/integration/test_rollout_trouble.py -k hundreds_of_phones --no-cov --timeout 7200
	CTLCTL_KILLS=300 $(BIN)/pytest tests/integration/test_rollout_kills.py --no-cov --timeout 14400
	CTLCTL_SOAK_SECONDS=3600 $(BIN)/pytest tests/integration/test_ctld_leaks.py --no-cov --timeout 7200

bench: $(STAMP) ## the benchmarks, in one process
	$(BIN)/pytest tests/benchmarks --benchmark-enable --benchmark-only -p no:randomly --no-cov

lock: $(STAMP) ## write requirements/*.txt anew from pyproject.toml
	@sh scripts/lock.sh $(BIN)/uv

findings-doc: $(STAMP) ## write docs/findings.md anew from the catalogue
	$(BIN)/python scripts/findings_doc.py

screenshots: demo-lists ## draw docs/images anew from what the commands print
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python scripts/screenshot.py

clean: ## remove what the other targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks .coverage .coverage.* dist build demo demo-lists
