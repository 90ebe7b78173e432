# The verbs of this project. `make run` and `make test` need nothing but a clone of it.

SHELL := /bin/sh
VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/ready
# In how many processes the tests run, each with a database server of its own.
PROCESSES := 2

.PHONY: run check test e2e lint bench soak schema deb setup clean help

help: ## Show these lines
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

run: $(READY) ## Set everything up and start the whole appliance here
	@exec packaging/clone/run

check: lint ## Check the style and run the unit tests, in a minute or two
	$(PYTHON) -m pytest -q --numprocesses $(PROCESSES) tests/unit tests/packaging

test: $(READY) ## Check the style, then run every test
	@packaging/clone/setup test
	@$(MAKE) --no-print-directory lint
	$(PYTHON) -m pytest --numprocesses $(PROCESSES) --no-loadscope-reorder

e2e: $(READY) ## Install the package on real Debian 13 machines, and try everything there
	@packaging/clone/setup test
	-@packaging/machine/setup
	$(PYTHON) -m pytest tests/machines

deb: ## Build the Debian package, in a Debian 13 machine without a network
	@packaging/machine/setup
	@packaging/machine/deb

lint: $(READY) ## Formatting, types, imports, templates
	@packaging/clone/setup test
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/djlint --quiet --lint appliance admin webchat

bench: $(READY) ## Measure speed on this machine and print a table
	@packaging/clone/setup test
	$(PYTHON) -m tests.bench

soak: $(READY) ## Let hostile members attack for ten minutes, and see that others are served
	@packaging/clone/setup test
	$(PYTHON) -m tests.soak

schema: $(READY) ## List again what the migrations make, after a change of the schema
	@packaging/clone/setup test
	$(PYTHON) -m tests.schema_objects

setup: $(READY) ## Only install what `make run` needs

$(READY): pyproject.toml packaging/clone/setup
	@packaging/clone/setup run

clean: ## Remove the environment, but never the data in var/
	rm -rf $(VENV) *.egg-info build
