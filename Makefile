# Everything runs in .venv; nothing outside this folder is touched.

VENV = .venv
BIN = $(VENV)/bin
CORE = $(VENV)/.core-installed
ALL = $(VENV)/.all-installed
SOURCES = mer engines realtime tests examples
WORKERS = 2
DEMO = demo

.PHONY: help install demo test check bench clean

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile

install: $(ALL)  ## make .venv with everything to run, train and test

# mer-replay and mer-synth need no torch, so the demonstration does not wait for it.
demo: $(CORE) $(DEMO)/recording.mp4  ## record synthetic micro-expressions, find them, print true against found
	$(BIN)/mer-replay $(DEMO)/recording.mp4 --out $(DEMO)/results --truth $(DEMO)/recording.json --overlay

test: check  ## check the code and run all tests
	$(BIN)/pytest -n $(WORKERS)

check: $(ALL)  ## lint, format check, types
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

bench: $(ALL)  ## measure and print tables
	for benchmark in tests/benchmarks/bench_*.py; do echo "== $$benchmark"; $(BIN)/python "$$benchmark" || exit 1; done

clean:  ## remove the environment and what the demonstration made
	rm -rf $(VENV) $(DEMO)

$(DEMO)/recording.mp4: $(CORE)
	mkdir -p $(DEMO)
	$(BIN)/mer-synth recording $@ --fps 200 --seconds 20 --events 6

$(BIN)/python:
	@for python in python3.11 python3.12 python3.13 python3; do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			"$$python" -m venv $(VENV) && exit 0; \
			rm -rf $(VENV); exit 1; \
		fi; \
	done; \
	echo "make: no Python 3.11 or newer found; install one (Debian, Ubuntu: python3.11 and python3.11-venv)" >&2; exit 1

$(CORE): pyproject.toml constraints.txt $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(ALL): $(CORE)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,rtx,eaf,camera,record,dev,lsl,pictures,completion,cluster]'
	touch $@
