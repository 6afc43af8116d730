# The commands of this repository; CI calls the same ones. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ENVGEN := $(BIN)/envgen
CONSTRAINTS ?= constraints.txt  # the versions to install; empty: the newest that pyproject.toml allows
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check $(addprefix --constraint ,$(strip $(CONSTRAINTS)))
# Tests compile envgen once, also where the environment says not to keep what was compiled.
export PYTHONDONTWRITEBYTECODE :=

END_TO_END := "tests/system/test_offline.py::test_a_project_without_locks_is_relocked_to_the_same_bytes[legacy]"

# What PROJECT and TARGET say is data: make does not expand it, and each word reaches the shell in quotes.
override PROJECT := $(value PROJECT)
override TARGET := $(value TARGET)
quoted = $(foreach word,$($(1)),$(2) '$(subst ','\'',$(word))')

.DEFAULT_GOAL := help
.PHONY: help setup env-cpu env-gpu env verify matrix-lint schemas doctor install-cpu install-gpu browser test test-fast test-public test-newest constraints fuzz attack mutants lint format reference site bench gpu-pack gpu-check wheel clean

help:  ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  PROJECT=name limits what is locked, verified or installed to one project; TARGET=name limits env and verify to one target."

setup: $(VENV)/.ready  ## Create .venv with envgen and its dependencies

env-cpu: setup  ## Lock the CPU target of PROJECT, or of every project
	$(ENVGEN) lock --target cpu -- $(call quoted,PROJECT)

env-gpu: setup  ## Lock the newest CUDA target that this machine can run
	$(ENVGEN) lock --target gpu -- $(call quoted,PROJECT)

env: setup  ## Lock TARGET of PROJECT, or everything
	$(ENVGEN) lock $(call quoted,TARGET,--target) -- $(call quoted,PROJECT)

verify: setup  ## Check every lock of PROJECT, or of every project, against the rules in docs/verify.md
	$(ENVGEN) verify $(call quoted,PROJECT,--project) $(call quoted,TARGET,--target)

check: setup  ## Check that projects, matrices, templates, locks and the recorded index agree
	$(ENVGEN) check $(ARGS)

matrix-lint: setup  ## Check matrices/ against the rules in docs/matrices.md
	$(ENVGEN) matrix lint --strict

schemas: setup  ## Write schemas/, which editors use to check project.yaml and matrices/
	$(ENVGEN) matrix schemas

doctor: setup  ## Show what this machine has, what gets in the way, and which locked target fits
	$(ENVGEN) doctor -- $(call quoted,PROJECT)

install-cpu: setup  ## Install the locked CPU environment of PROJECT, or of every project
	$(ENVGEN) install --target cpu -- $(call quoted,PROJECT)

install-gpu: setup  ## Install the newest locked CUDA environment that this machine can run, and show its GPU in use
	$(ENVGEN) install --target gpu --probe -- $(call quoted,PROJECT)

browser:  ## Install Chromium and its driver for the tests of the HTML page (Debian, as root)
	@if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium chromium-driver >/dev/null && exit 0; \
	fi; \
	echo "no chromium and chromedriver here: the tests of the page are skipped; as root on Debian: apt-get install chromium chromium-driver"

test: $(VENV)/.ready-dev  ## Run all tests; no network, conda or GPU needed, no system package installed
	$(BIN)/python -m pytest -q -n auto --dist worksteal $(ARGS)

test-fast: $(VENV)/.ready-dev  ## Run the quick unit tests, with fewer generated examples, and one end-to-end test
	ENVGEN_EXAMPLES=0.2 $(BIN)/python -m pytest -q -n auto --dist worksteal -m 'not thorough' tests/unit $(END_TO_END) $(ARGS)

test-public: $(VENV)/.ready-dev  ## Lock wheels of the public index, which `make test` never asks; 20 seconds
	$(BIN)/python -m pytest -q -n 0 tests/public/public_index.py $(ARGS)

test-newest:  ## Run all tests with the newest dependencies in .venv-newest: what would an upgrade break?
	rm -rf .venv-newest
	$(MAKE) VENV=.venv-newest CONSTRAINTS= .venv-newest/.ready-dev
	.venv-newest/bin/python tests/newer.py constraints.txt
	$(MAKE) VENV=.venv-newest CONSTRAINTS= test

constraints: $(VENV)/.ready-dev  ## Write constraints.txt: the newest dependencies that pyproject.toml allows, for every Python and system
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.10 --extra dev --no-header --no-annotate --output-file constraints.txt pyproject.toml >/dev/null

attack: $(VENV)/.ready-dev  ## Run the long attacks, ENVGEN_ROUNDS (50) rounds of each, and print their figures
	$(BIN)/python -m pytest -q -s -n 0 tests/attacks/attack_*.py $(ARGS)

fuzz: $(VENV)/.ready-dev  ## Spoil locks, projects and words at random for SECONDS (60) each, and read them; ENVGEN_SEED repeats a run
	ENVGEN_FUZZ=$(or $(SECONDS),60) $(BIN)/python -m pytest -q -n 2 -rP tests/unit/test_fuzz.py

mutants: $(VENV)/.ready-dev  ## Change the code of the core, one small change at a time, and count which the tests notice; MODULES limits it
	$(BIN)/python tests/mutants/run.py $(MODULES) $(ARGS)

lint: $(VENV)/.ready-dev  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.ready-dev  ## Format the code and apply ruff's fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

reference: $(VENV)/.ready  ## Write docs/reference/, the pages that are made from the code
	$(BIN)/python -m website.reference

SITE = $(subst ','\'',$(value URL))
site: $(VENV)/.ready-docs  ## Build the website in dist/site; a broken link is an error. URL=https://... is where it will be, for previews of links
	rm -rf dist/site
	ENVGEN_SITE='$(SITE)' $(BIN)/python -m sphinx -q -W --keep-going -E -b html -c website -d dist/doctrees . dist/site
	$(ENVGEN) matrix show --html dist/site/matrix.html $(if $(SITE),--url '$(SITE)/matrix.html' --picture '$(SITE)/matrix.png')

bench: $(VENV)/.ready-dev  ## Run the benchmarks, or the parts in ARGS, and write benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks $(ARGS)

gpu-pack: $(VENV)/.ready-dev  ## Pack what gpu-check needs on a machine without a network into dist/gpu-wheels
	$(BIN)/python benchmarks/gpu/gpu_pack.py $(ARGS)

gpu-check:  ## On a machine with a GPU: does envgen say the right things? Without one, on a made-up machine
	$(if $(wildcard dist/gpu-wheels/*.whl),$(PYTHON) benchmarks/gpu/gpu_check.py --wheels dist/gpu-wheels $(ARGS),$(MAKE) setup && $(BIN)/python benchmarks/gpu/gpu_check.py $(ARGS))

wheel: $(VENV)/.ready-dev  ## Build the sdist and the wheel in dist/; URL=https://... is where the links of their page lead
	ENVGEN_URL='$(subst ','\'',$(value URL))' $(BIN)/python -m build --no-isolation --outdir dist .

clean:  ## Remove .venv and caches
	rm -rf $(VENV) .venv-newest .mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis dist

$(VENV)/.ready: pyproject.toml envgen/__init__.py $(CONSTRAINTS)
	@$(PYTHON) -c '' || { echo "$(PYTHON) does not run: make PYTHON=... setup, with the path of a Python from 3.10 on"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "envgen needs Python 3.10 or newer: make PYTHON=python3.12 setup"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "no venv module: install python3-venv, or make PYTHON=... setup"; exit 2; }
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.ready-docs: $(VENV)/.ready
	$(INSTALL) --editable '.[docs]'
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(INSTALL) --editable '.[dev]'
	@touch $@
