# You need make and Python 3.11 or newer. Every target but test-clients uses .venv, which is made when
# it is first needed. A file .venv/.with-NAME records that the extra NAME is installed; it is
# installed again when pyproject.toml or constraints.txt is newer than that file.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLIENTS := .venv-clients

.PHONY: help demo test test-fast test-clients fuzz lint docs bench audit release-check clean
.NOTPARALLEL:
.DEFAULT_GOAL := help

help:
	@echo "make demo          install the package alone and run examples/demo.py"
	@echo "make test-fast     run the fast tests (about two minutes)"
	@echo "make test          run all tests"
	@echo "make test-clients  run the code of docs/ecosystem.md with other libraries, in $(CLIENTS)"
	@echo "make fuzz          run the tests of any input with many more, random examples"
	@echo "make lint          check style (ruff) and types (mypy)"
	@echo "make docs          build the documentation into docs/_build/html"
	@echo "make bench         run all benchmarks but the trainings (deep_*) and rewrite benchmarks/results"
	@echo "make audit         look up known vulnerabilities of the installed packages (pip-audit)"
	@echo "make release-check check version and changelog, build, and test the wheel in new environments"
	@echo "make clean         remove .venv, caches and the built documentation"
	@echo "PYTHON=...         interpreter to make .venv with (now: $(PYTHON))"

demo: $(VENV)/.with-core
	$(BIN)/python examples/demo.py

test: $(VENV)/.with-test
	$(BIN)/python -m pytest -q -n auto

test-fast: $(VENV)/.with-test
	OMP_NUM_THREADS=1 NUMBA_CACHE_DIR=$(CURDIR)/.numba_cache $(BIN)/python -m pytest -q -n auto \
	    -m "not (slow or training or kill or browser or damage)"

test-clients: $(CLIENTS)/.with-clients
	$(CLIENTS)/bin/python -m pytest -q -n auto --dist loadfile tests/clients

fuzz: $(VENV)/.with-test
	$(BIN)/python -m pytest -q -n auto --hypothesis-profile fuzz tests/test_any_input.py

lint: $(VENV)/.with-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.with-docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "Built docs/_build/html/index.html"

bench: $(VENV)/.with-bench
	@set -e; for file in $$(grep -l __main__ benchmarks/*.py | grep -v -e figures -e deep_) benchmarks/figures.py; do \
	    name=benchmarks.$$(basename $$file .py); \
	    echo "python -m $$name"; \
	    $(BIN)/python -m $$name; \
	done

audit: $(VENV)/.with-all $(VENV)/.with-audit
	@echo "Packages that are missing from the advisory database are listed as not audited."
	$(BIN)/python -m pip_audit --skip-editable --progress-spinner off

release-check: $(VENV)/.with-release
	$(BIN)/python .ci/release_check.py

clean:
	rm -rf $(VENV) $(CLIENTS) build dist docs/_build docs/generated docs/gallery .mypy_cache .numba_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# -qq hides pip's progress and warnings, but not its errors.
$(VENV)/.with-%: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing vmfmix ($*) into $(VENV) ..."
	@$(BIN)/python -m pip install -qq -c constraints.txt -e "$(if $(filter core,$*),.,.[$*])"
	@touch $@

# turftopic needs older versions of rich and igraph than constraints.txt has.
$(CLIENTS)/.with-clients: pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory VENV=$(CLIENTS) $(CLIENTS)/bin/python
	@echo "Installing vmfmix (clients) into $(CLIENTS) ..."
	@grep -v -E '^(igraph|rich)=' constraints.txt > $(CLIENTS)/constraints.txt
	@$(CLIENTS)/bin/python -m pip install -qq -c $(CLIENTS)/constraints.txt -e ".[clients]"
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "vmfmix needs Python 3.11 or newer; '$(PYTHON)' is missing or older." \
	         "Choose another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	    echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu," \
	         "install python3-venv." >&2; exit 1; }
