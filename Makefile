# Everything runs in .venv; nothing outside this folder is touched.

VENV = .venv
PYTHONS = python3.11 python3.12 python3.13 python3
BIN = $(VENV)/bin
CORE = $(VENV)/.core-installed
ALL = $(VENV)/.all-installed
SOURCES = mer engines realtime tests examples docs
# One more than two cores: a test often waits for a process, a stream or a terminal.
WORKERS = 3
DEMO = demo

PIP = $(BIN)/python -m pip --disable-pip-version-check install --quiet
EXTRAS = train rtx eaf camera basler genicam record dev docs lsl xdf edf parquet pictures completion cluster
# torch's builds for processors and for GPUs differ from index to index, so it is pinned by constraints.txt only, and
# so is what its GPU build brings along.
UNHASHED = torch triton cuda-toolkit nvidia-cublas nvidia-cuda-cupti nvidia-cuda-nvrtc nvidia-cuda-runtime \
	nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver nvidia-cusparse nvidia-cusparselt-cu13 \
	nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx
UV = $(VENV)/lock/bin/uv
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command 'make lock' -c constraints.txt pyproject.toml -
# What builds the editable install and TensorRT-RTX's source packages: without isolation it comes from the lock, too.
BUILD = printf 'editables\nhatchling\nsetuptools\n'

.PHONY: help install demo test test-environments check docs coverage bench lock sbom clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile

install: $(ALL)  ## make .venv with everything to run, train and test

# mer-replay and mer-synth need no torch, so the demonstration does not wait for it.
demo: $(CORE) $(DEMO)/recording.mp4  ## record synthetic micro-expressions, find them, print true against found
	$(BIN)/mer-replay $(DEMO)/recording.mp4 --out $(DEMO)/results --truth $(DEMO)/recording.json --overlay

test: check  ## check the code and run all tests
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST)

test-environments: $(ALL)  ## try the wheel in fresh environments: Python x (oldest, pinned, newest) dependencies
	$(BIN)/python tests/environments.py

check: $(ALL)  ## lint, format check, types
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy --num-workers 2

docs: $(ALL)  ## build the documentation as a site in site/; every warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

coverage: $(ALL)  ## run all tests and print which lines and branches they do not reach
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --cov --cov-report=term $(PYTEST)

bench: $(ALL)  ## measure and print tables
	for benchmark in tests/benchmarks/bench_*.py; do echo "== $$benchmark"; $(BIN)/python "$$benchmark" || exit 1; done

clean:  ## remove the environment and what the demonstration made
	rm -rf $(VENV) $(DEMO) site

$(DEMO)/recording.mp4: $(CORE)
	mkdir -p $(DEMO)
	$(BIN)/mer-synth recording $@ --fps 200 --seconds 20 --n-events 6

$(BIN)/python:
	@for python in $(PYTHONS); do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			"$$python" -m venv $(VENV) && exit 0; \
			rm -rf $(VENV); exit 1; \
		fi; \
	done; \
	echo "make: no Python 3.11 or newer found; install one (Debian, Ubuntu: python3.11 and python3.11-venv)" >&2; exit 1

$(CORE): pyproject.toml lock-core.txt $(BIN)/python
	$(PIP) --require-hashes -r lock-core.txt
	$(PIP) --no-deps --no-build-isolation -e .
	touch $@

$(ALL): $(CORE) lock-all.txt constraints.txt
	$(PIP) --require-hashes --no-build-isolation -r lock-all.txt
	$(PIP) -c constraints.txt torch
	touch $@

lock: $(UV)  ## pin everything with hashes again, after a change of pyproject.toml or constraints.txt
	$(BUILD) | $(COMPILE) -o lock-core.txt
	$(BUILD) | $(COMPILE) $(EXTRAS:%=--extra %) $(UNHASHED:%=--no-emit-package %) -o lock-all.txt

sbom: $(ALL)  ## write sbom.json: name, version, licence and hashes of everything installed (CycloneDX)
	$(BIN)/python tests/sbom.py lock-all.txt sbom.json

$(UV): $(BIN)/python
	$(BIN)/python -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip --disable-pip-version-check install --quiet uv
