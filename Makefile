# Two commands: `make demo` translates, `make test` proves. Both work from a fresh clone and may be repeated; the
# others, `make help` lists.
#
# Everything is installed into .venv and nowhere else. A stamp for each set of packages makes a second run quick;
# it is renewed when pyproject.toml or constraints.txt changes. Another Python: make demo PYTHON=python3.13

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
PIP := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt

# The Python that .venv was made with may be gone: then nothing that was installed there counts.
ifeq ($(wildcard $(BIN)/python),)
$(shell rm -rf $(STAMPS))
endif

.PHONY: help demo install test lint coverage attack bench lineage blank digits pictures clean

help:
	@echo "make demo      translate a few sentences with the bundled model"
	@echo "make test      run every test, in two processes; JOBS=0 one after another, JOBS=8 in eight"
	@echo "make install   add what training, explaining and serving need (torch, ...) to .venv"
	@echo "make lint      ruff and mypy"
	@echo "make coverage  run every test and say which lines none of them reaches"
	@echo "make attack    every promise attacked at random for ten minutes; SEED=7 MINUTES=60 ONLY='kills disk'"
	@echo "make bench     speed beside other tools, which go into .bench-*venv; MODEL=DIR translates with that model"
	@echo "make lineage   every system of docs/guide/lineage trained and measured, in about an hour: docs/lineage.md"
	@echo "make blank     the five small models of dragoman lineage, made anew in half an hour"
	@echo "make digits    the small model of dragoman digits, made anew, and two that are told less of positions"
	@echo "make pictures  the pictures of both READMEs, made anew with the bundled model and Chromium: docs/pictures"
	@echo "make clean     remove .venv and what tools left behind"

demo: $(STAMPS)/demo
	@$(BIN)/python examples/demo.py

install: $(STAMPS)/train
	@echo "Ready: $(BIN)/dragoman --help"

# Two processes share the files of tests, each with one thread: torch's own, two to a process, would wait for each other.
JOBS ?= 2
test: $(STAMPS)/dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

lint: $(STAMPS)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Programs that the tests start are counted too; [tool.coverage] in pyproject.toml says what is left out.
coverage: $(STAMPS)/dev
	@$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# docs/guide/reliability.md says what is promised and how it is attacked; one case again: python -m attacks --help
attack: $(STAMPS)/dev
	@$(BIN)/python -m attacks $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(ONLY),--only $(ONLY))

# An hour and a half on two cores. DRAGOMAN_DATA may name a directory with Multi30k in it; one question alone, or shorter:
# python -m benchmarks --help
MODEL ?= en-zh-tiny
bench: $(STAMPS)/train
	@$(BIN)/python -m benchmarks install
	$(BIN)/python -m benchmarks train --size small
	$(BIN)/python -m benchmarks train --size base
	$(BIN)/python -m benchmarks translate --model $(MODEL) --beam 1
	$(BIN)/python -m benchmarks translate --model $(MODEL) --beam 5
	$(BIN)/python -m benchmarks translate --model $(MODEL) --engine torch
	$(BIN)/python -m benchmarks latency --model $(MODEL)
	$(BIN)/python -m benchmarks scaling
	$(BIN)/python -m benchmarks optimizers
	@$(BIN)/python -m benchmarks report --plots

# Resumes what was interrupted; one system alone: python -m benchmarks.lineage --help
lineage: $(STAMPS)/train
	$(BIN)/python -m benchmarks.lineage

# Writes src/dragoman/models/lineage. Resumes what was interrupted; one alone: python -m benchmarks.blank --only bert
blank: $(STAMPS)/train
	$(BIN)/python -m benchmarks.blank

# Writes src/dragoman/models/images/digits. Resumes what was interrupted; one alone: python -m benchmarks.digits --only grid
digits: $(STAMPS)/train
	$(BIN)/python -m benchmarks.digits

# One kind alone: python docs/pictures/make.py terminal
pictures: $(STAMPS)/dev
	$(BIN)/python docs/pictures/make.py

clean:
	rm -rf $(VENV) .bench-venv .bench-libretranslate-venv .bench-mindspore-venv
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* build dist

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Dragoman needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo 'not there')." >&2; \
	  echo "Install one, or name the one you have: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; \
	  exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot make virtual environments: Debian and Ubuntu put that into a package of its own." >&2; \
	  echo "Install it and try again: sudo apt install python3-venv" >&2; \
	  exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS)
	@touch $@

$(STAMPS)/demo: $(STAMPS)/venv pyproject.toml constraints.txt
	@echo "Installing Dragoman into $(VENV) (the first time, this downloads a few packages) ..."
	@$(PIP) --quiet -e .
	@touch $@

$(STAMPS)/train: $(STAMPS)/venv pyproject.toml constraints.txt
	@echo "Installing torch and a few small packages into $(VENV): the first time, this is a large download ..."
	@$(PIP) -e '.[serve,train,words]'
	@touch $@ $(STAMPS)/demo

$(STAMPS)/dev: $(STAMPS)/venv pyproject.toml constraints.txt
	@echo "Installing the development packages into $(VENV): the first time, torch is a large download ..."
	@$(PIP) -e '.[dev]'
	@$(PIP) --quiet -e '.[oracles]' || echo "KenLM could not be compiled here: the test that compares with it is skipped."
	@touch $@ $(STAMPS)/demo $(STAMPS)/train
