# Fettle in one command each; `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo run test style types imports lint check bench lock licences clean
SHELL := /bin/sh
READY := .venv/.ready
PYTEST := .venv/bin/python -m pytest

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

setup: $(READY) ## make .venv from requirements.lock (once; again when the lock changes)

$(READY): requirements.lock pyproject.toml .ci/setup
	@PYTHON='$(PYTHON)' .ci/setup
	@touch $(READY)

demo: setup ## try Fettle in the browser: no Slack, no key, no cluster
	@.venv/bin/fettle demo

run: setup ## run Fettle on this machine with the settings of the environment
	@.venv/bin/fettle run

test: setup ## the whole test suite, three or four tests at once (ARGS='-n 0 -x tests/unit' for a part of it)
	$(PYTEST) -n auto --dist worksteal $(ARGS)

style: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: setup
	.venv/bin/mypy

imports: setup
	.venv/bin/lint-imports

lint: style types imports ## style, types and who may know whom

check: lint test ## everything that a change must pass

bench: setup ## run every benchmark; the last line of each is its result as JSON
	@.venv/bin/python .ci/bench.py

lock: setup ## renew requirements.lock from pyproject.toml (UPGRADE=1 takes newer versions)
	@.venv/bin/python .ci/lock.py $(if $(UPGRADE),--upgrade)

licences: setup ## renew the licence table in docs/dependencies.md
	@.venv/bin/python .ci/licences.py --write

clean: ## remove everything that make and the tools put here, .venv included
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
