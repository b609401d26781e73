# Everything a person does with a checkout. The virtual environment in .venv is made once and updated when
# sources change.
#
#   make setup   .venv with the package, built from this checkout, and the tools
#   make build   the libraries in build/release, with warnings as errors
#   make demo    a Python and a native program on the system's malloc and on HAKMEM
#   make test    every test; it says what it skips
#   make check-real   the tests with real programs under the full checks of `hakmem check`, into docs/results
#                (CHECKS="guard=end ..." for other settings than those of the plan, told on stdout)
#   make fuzz-check   damage to blocks and to the checks' own tables, at random, for minutes (SEEDS=, FIRST_SEED=)
#   make test-slow   the core on aarch64, under an emulator; the C tests on the shipped flavours with all that they can do
#   make bench   the standard suite against Debian's allocators, into docs/results; run it alone (EFFORT=--quick, --full)
#   make safety  every memory error on every flavour, into docs/results
#   make soak    a server for half an hour: limits and creeping memory, into docs/results (SECONDS=, THREADS=)
#   make lint    formatting, style and types
#   make docs    the generated reference pages
#   make clean   removes .venv and build

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: setup build demo test test-c test-python test-slow check-real fuzz-check bench safety soak lint format docs clean
MAKEFLAGS += --no-print-directory

JOBS ?= 2
EFFORT ?=
SECONDS := 1800
THREADS := 4
CHECKS ?=
SEEDS ?= 150
FIRST_SEED ?= 0
VENV := .venv
STAMPS := $(VENV)/stamps
BIN := $(VENV)/bin
PACKAGE_SOURCES := pyproject.toml CMakeLists.txt $(shell find cmake core include src workloads -type f \
  -not -name '*.pyc' 2>/dev/null) $(wildcard README.md LICENSE)
PYTHON_SOURCES := $(wildcard src tests examples tools)
PYTHON_TESTS := $(wildcard tests/python tests/model tests/lab tests/spin tests/safety tests/real tests/stack tests/check)

# The first Python that is new enough; a shim that stands for no version fails this and is passed over.
CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11
PYTHON ?= $(shell for python in $(CANDIDATES); do \
  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo $$python; break; fi; done)

# The builds in which the C tests run; make test-c C_TEST_PRESETS=asan takes one.
C_TEST_PRESETS ?= release debug asan tsan

# Configures and builds a preset with the tools in .venv; for use in one shell command.
cmake_preset = export PATH="$(CURDIR)/$(BIN):$$PATH"; \
  cmake --preset $(1) -DPython3_EXECUTABLE="$(CURDIR)/$(BIN)/python"; cmake --build --preset $(1) -j $(JOBS)

setup: $(STAMPS)/package

$(STAMPS)/tools: pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
	  echo "HAKMEM needs Python 3.11 or newer and found none of: $(CANDIDATES)." \
	    "Debian, Ubuntu: apt-get install python3 python3-venv. Or name one: make PYTHON=/path/to/python" >&2; exit 1; fi
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo "$(PYTHON) cannot make virtual environments. Debian, Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet 'scikit-build-core>=0.10' 'cmake>=3.21' ninja
	mkdir -p $(STAMPS)
	touch $@

# Without isolation and with a kept build directory, so that a change of one file costs seconds.
$(STAMPS)/package: $(STAMPS)/tools $(PACKAGE_SOURCES)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install --quiet --no-build-isolation \
	  -C build-dir=build/wheel -C cmake.define.HAKMEM_WERROR=ON '.[dev]'
	touch $@

build: $(STAMPS)/tools
	@$(call cmake_preset,release)

demo: setup
	$(BIN)/python examples/demo/demo.py

test: test-c test-python

test-c: setup
	@if [ -f tests/c/CMakeLists.txt ]; then \
	  for preset in $(C_TEST_PRESETS); do \
	    $(call cmake_preset,$$preset); ctest --preset $$preset -j $(JOBS); done; \
	else echo "skipped: C tests, tests/c does not exist"; fi

test-python: setup
	@for directory in tests/python tests/model tests/lab tests/spin tests/safety tests/real tests/stack tests/check; do \
	  [ -d $$directory ] || echo "skipped: $$directory does not exist"; done
	$(BIN)/python tools/run-python-tests $(PYTHON_TESTS)

test-slow: setup
	$(BIN)/python -m pytest tests/slow
	$(call cmake_preset,release); TEST_SCALE=100 ctest --preset release -j $(JOBS)

check-real: setup
	$(BIN)/python tools/check-real $(if $(CHECKS),--settings "$(CHECKS)",--out docs/results/check-real.md)

fuzz-check: setup
	HAKMEM_TEST_FIRST_SEED=$(FIRST_SEED) HAKMEM_TEST_SEEDS=$(SEEDS) $(BIN)/python -m pytest tests/python/test_checks.py -k hostile

# The newest release of a peer that Debian has in an old one; where it cannot be had the suite runs without.
NEWEST := $(VENV)/newest
MIMALLOC3 := $(NEWEST)/cmeel.prefix/lib/libmimalloc.so.3

$(MIMALLOC3): $(STAMPS)/tools
	@$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(NEWEST) 'cmeel-mimalloc>=3' && touch $@ || \
	  echo "skipped: mimalloc 3, of which no wheel could be had"

bench: setup $(MIMALLOC3)
	@tools/install-test-programs
	$(BIN)/hakmem bench $(EFFORT) $$([ ! -e $(MIMALLOC3) ] || echo --allocator mimalloc3=$(MIMALLOC3)) \
	  --json docs/results/standard.json --html docs/results/standard.html
	$(BIN)/python tools/bars --out docs/results/bars.md

safety: setup
	$(BIN)/python tools/safety --out docs/results/safety.md

soak: setup
	$(BIN)/hakmem soak --seconds $(SECONDS) --threads $(THREADS) \
	  --json docs/results/soak.json --svg docs/results/soak.svg

lint: setup
	$(BIN)/ruff check $(PYTHON_SOURCES)
	$(BIN)/ruff format --check $(PYTHON_SOURCES)
	$(BIN)/mypy $(wildcard src tests)

format: setup
	$(BIN)/ruff check --fix $(PYTHON_SOURCES)
	$(BIN)/ruff format $(PYTHON_SOURCES)

docs: setup
	PYTHONPATH=src $(BIN)/python -m hakmem.spec.documents

clean:
	rm -rf $(VENV) build
