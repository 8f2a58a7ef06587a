# The two commands of the README are `make run` and `make test`; every target sets itself up.
PYTHON ?= python3
PYTHON_VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
# One environment for each Python, so that two versions can be tried side by side.
VENV := .venv/$(PYTHON_VERSION)
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet

.PHONY: run test test-fast fuzz lint types contracts services django-tests bench soak conformance errors-page diagnosis-page messages pins wheel clean

run: $(VENV)/.run  ## set up everything and start the console on http://127.0.0.1:8000
	@$(BIN)/python manage.py mailadmin_up $(ARGS)

# A file stays in one process, for the services and the console that it starts. (By groups would be finer, but
# pytest-xdist 3.8 with pytest 9.2 forgets its groups without a word: its issue 1386.) The order is that of
# tests/conftest.py: pytest-xdist would begin with the files of many tests, and end with those that take minutes for one.
# Three processes on two cores: half of the time of a test is waiting.
test: $(VENV)/.dev  ## set up everything and run the tests
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

test-fast: $(VENV)/.dev  ## the tests that need no browser and no system service
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not browser and not service" $(ARGS)

fuzz: $(VENV)/.dev  ## 1,000,000 generated server replies, 15,000 generated messages by SMTP and Graph (ARGS="--share 5" for 5 % of it)
	$(BIN)/python -m tests.fuzz $(ARGS)

lint: $(VENV)/.dev  ## style, templates, types, import contracts, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	git ls-files -z 'templates/**.html' | xargs -0 $(BIN)/djade --check --target-version 5.2
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python manage.py makemigrations --check --dry-run --skip-checks

django-tests: $(VENV)/.dev  ## Django's own mail tests, from the source of the installed version, against our backend
	$(BIN)/python -m tests.django_mail

services:  ## install the Debian packages that the service and browser tests start
	sh tests/services/install.sh

pins:  ## compile requirements/ from pyproject.toml (needs uv; keeps what is still allowed)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  pyproject.toml --extra console --extra sandbox --extra scram --extra ntlm --extra dns --extra api -c requirements/django.in \
	  -o requirements/run.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  pyproject.toml --group dev --extra console --extra sandbox --extra scram --extra ntlm --extra dns --extra api --extra postgres --extra celery -c requirements/run.txt \
	  -o requirements/dev.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  pyproject.toml --group bench -c requirements/run.txt -o requirements/bench.txt

bench: $(VENV)-bench/.bench  ## speed and memory beside the peers; writes docs/performance.md (ARGS=--short: a check)
	$(VENV)-bench/bin/python -m bench $(ARGS)

soak: $(VENV)/.dev  ## kill workers, database and broker while mail is queued, and count every message (ARGS="--seconds 60": a short form)
	$(BIN)/python -m soak $(ARGS)

conformance: $(VENV)/.dev  ## send every kind of message by SMTP and by Graph; writes docs/conformance.md
	$(BIN)/python -m tests.conformance

errors-page: $(VENV)/.dev  ## write docs/errors.md from the knowledge base
	$(BIN)/python -m mailadmin.core.errors_page > docs/errors.md

diagnosis-page: $(VENV)/.dev  ## write docs/diagnosis.md from the table of faults (the tests play every one of them)
	$(BIN)/python -m tests.probes.faults

messages: $(VENV)/.dev  ## bring the translations up to date with the texts of the code (ARGS=fr: begin another language)
	@$(BIN)/python -m tests.translation $(ARGS)

wheel: $(VENV)/.dev  ## build the wheel and the sdist into dist/
	$(BIN)/python -m build --no-isolation

clean:  ## remove the environments and caches, never the data in .mailadmin/
	rm -rf .venv .cache dist build

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mailadmin needs Python 3.11 or newer; this is %d.%d. Name another one with: make run PYTHON=python3.12" % sys.version_info[:2])'
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.txt | $(BIN)/python
	@$(PIP) install --require-hashes -r requirements/run.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt | $(BIN)/python
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)-bench/.bench: requirements/dev.txt requirements/bench.txt | $(BIN)/python
	@$(PYTHON) -m venv $(VENV)-bench
	@$(VENV)-bench/bin/pip --disable-pip-version-check --quiet install --require-hashes -r requirements/dev.txt
	@$(VENV)-bench/bin/pip --disable-pip-version-check --quiet install --require-hashes -r requirements/bench.txt
	@touch $@
