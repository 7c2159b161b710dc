# make demo | test | test-all | check | bench | docs      each sets up what it needs, in .venv

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
WEIGHTS ?= checkpoints
# For pip, such as '--extra-index-url ...' to find PyTorch's CPU build.
PIP_ARGS ?=
# Tests share two processes; more only fight over memory bandwidth.
JOBS ?= 2
# Of `make fuzz`.
MUTANTS ?= 10000
SEED ?= 0

.PHONY: demo test test-all test-ui check bench fuzz docs coverage weights clean help
.DELETE_ON_ERROR:

help:
	@echo "make demo    convert the checkpoints, prove parity, enhance a photo"
	@echo "make test    the quick tests; with KIND_REFERENCE_DIR=<folder> also those on the authors' files"
	@echo "make test-all  the long ones too: trainings, fuzz, installation, many processes"
	@echo "make test-ui   the page in a real browser, axe-core included: needs Chromium, and npm for axe-core"
	@echo "make check   formatting, lint and types"
	@echo "make bench   speed and memory of every way to run the nets, into docs/performance.md"
	@echo "make fuzz    10,000 broken checkpoints: each read right or refused in a sentence"
	@echo "make docs    the generated tables in docs/, and all of it as a site, in site/"
	@echo "make weights SHARED=FOLDER   the default weights anew, from the pairs of photos in FOLDER: hours on a CPU"
	@echo "make coverage  all tests again, and which lines they reach"

# TensorFlow has no build for Python 3.14; there PyTorch's side is set up alone (see setup.py).
$(READY): setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' || \
	  { echo "Python 3.11 to 3.14 is needed, and $(PYTHON) is not; try: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is needed; on Debian: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e '.[all,dev]'
	@touch $@

demo: $(READY)
	@mkdir -p demo
	$(BIN)/kindling convert $(WEIGHTS) demo/kind.pth --force
	@if $(BIN)/python -c 'import tensorflow' 2>/dev/null; \
	  then $(BIN)/kindling parity --weights $(WEIGHTS) --torch-weights demo/kind.pth; \
	  else echo "TensorFlow is not here, so parity with it is not proven."; fi
	$(BIN)/kindling enhance examples/dark.png -o demo --weights $(WEIGHTS) --force
	@echo
	@echo "Look at demo/dark_kindle.png beside examples/dark.png."
	@echo "demo/kind.pth is the TensorFlow checkpoint for PyTorch: kind_torch.load('demo/kind.pth')."

test: $(READY)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not slow"

test-all: $(READY)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

# axe-core (MPL-2.0) looks for what people who hear the page, or use no mouse, stumble over; it stays out of git.
.axe:
	-npm install --prefix .axe --no-save --silent --no-audit --no-fund axe-core@4

test-ui: $(READY) .axe
	$(BIN)/python -m pytest -m ui

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# On a full disk coverage cannot write either, so the tests of full disks fail here, and only here.
coverage: $(READY)
	rm -f .coverage*
	-COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml COVERAGE_FILE=$(CURDIR)/.coverage \
	  $(BIN)/python -m coverage run -m pytest -q
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report --skip-covered

bench: $(READY)
	$(BIN)/python -m benchmarks.bench

fuzz: $(READY)
	$(BIN)/python -m tests.support.fuzz --count $(MUTANTS) --seed $(SEED)

docs: $(READY)
	$(BIN)/python docs/make_docs.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

weights: $(READY)
	SHARED=$(SHARED) PYTHON=$(BIN)/python sh benchmarks/weights.sh

clean:
	rm -rf .venv build dist *.egg-info demo site
