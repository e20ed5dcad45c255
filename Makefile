# Everything a fresh machine needs: Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: setup demo test unit lint chaos bench clean lock

setup: $(VENV)/.done

$(VENV)/.done: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "trimtab: error: Python 3.11 or newer is needed; name it with make PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

demo: setup
	$(BIN)/trimtab demo $(ARGS)

# Two at a time, each with a broker of its own; a file's tests stay together.
test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

unit: setup
	$(BIN)/python -m pytest tests/unit $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

chaos: setup
	$(BIN)/python -m pytest tests/chaos --chaos-rounds=20 $(ARGS)

bench: setup
	$(BIN)/python -m loadtest peers $(ARGS)

# New versions: edit pyproject.toml, then make lock, then make test.
lock:
	rm -rf $(VENV)-lock && $(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet -e '.[embedded,demo,mlflow,dev]' hatchling editables
	$(VENV)-lock/bin/python -m pip freeze --exclude-editable > requirements.lock
	rm -rf $(VENV)-lock

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
