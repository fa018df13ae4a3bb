# What you can do here. All that it makes stays in .venv and .cache of this directory.
#
#   make run [PROMPT="…"]   one prompt through the daemon: on claude if it is there and logged in, else on the demo
#   make test               the tests that need nothing but this repository
#   make test-pythons       the same on every Python from 3.11 on that is found here, also pyenv's
#   make test-real          the tests with the real agents, installed from the npm registry
#   make expectations       what the tests of the client saw is written down as what is to be seen; read the diff
#   make test-editors       the editors of examples/, with Node.js and Neovim
#   make test-browser       a page in Chromium that attacks the port
#   make fuzz               100,000 hostile connections and 3,000 odd clients against a daemon; FUZZ=, SEED=, EXAMPLES=
#   make autobahn           the Autobahn test suite over what reads frames here; needs Python 2.7 (PYTHON2=)
#   make soak               the trials that take minutes each, with the real agents
#   make failover-report    failover on the real agents, measured, into docs/failover.md
#   make check              format, lint, types, layers
#   make clean              remove what was made; your sessions are not in here

BIN = .venv/bin
CLAUDE = @anthropic-ai/claude-code@2.1.197
OPENCODE = opencode-ai@1.18.33
WS = ws@8.18.3

FUZZ = 100000
SEED = 0
EXAMPLES = 3000

help:
	@sed -n 's/^#   //p' Makefile

run: .venv/run
	@sh scripts/first-run

test: .venv/test
	$(BIN)/python -m pytest -n 3 --dist worksteal

test-pythons:
	@sh scripts/test-pythons

test-real: .venv/test .cache/agents/installed
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "real and not soak" tests/real

expectations: .venv/test
	REWRITE_EXPECTATIONS=1 $(BIN)/python -m pytest -q tests/client

test-editors: .venv/test .cache/editors/installed
	@command -v nvim >/dev/null || { echo "examples/editor.lua is for Neovim: install neovim 0.7 or later first" >&2; exit 1; }
	$(BIN)/python -m pytest -n 2 -m editors tests/examples

test-browser: .venv/test
	$(BIN)/python -m pytest -m browser tests/browser

fuzz: .venv/test
	FUZZ=$(FUZZ) SEED=$(SEED) EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -s tests/fuzz

autobahn: .venv/test
	@$(BIN)/python -m tests.autobahn

soak: .venv/test .cache/agents/installed
	$(BIN)/python -m pytest -m soak tests/real tests/faults tests/test_start.py

failover-report: .venv/test .cache/agents/installed
	$(BIN)/python -m tests.real.failover_report

check: .venv/check .venv/test
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist

.venv/made: scripts/make-venv
	@sh scripts/make-venv .venv
	@touch $@

.venv/run: .venv/made pyproject.toml
	@echo "installing jelmored into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/test: .venv/made pyproject.toml
	@echo "installing jelmored and what its tests need into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ .venv/run

.venv/check: .venv/made pyproject.toml
	@echo "installing the checkers into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[check]'
	@touch $@ .venv/run

.cache/agents/installed: Makefile
	@command -v npm >/dev/null || { echo "the real agents are installed by npm: install Node.js 18 or later first" >&2; exit 1; }
	npm install --no-audit --no-fund --no-save --prefix .cache/agents $(CLAUDE) $(OPENCODE)
	@touch $@

.cache/editors/installed: Makefile
	@command -v npm >/dev/null || { echo "examples/editor.js needs Node.js 18 or later: install it, with npm, first" >&2; exit 1; }
	npm install --no-audit --no-fund --no-save --prefix .cache/editors $(WS)
	@touch $@

.PHONY: help run test test-pythons test-real test-editors test-browser fuzz autobahn soak failover-report expectations check clean
