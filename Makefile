# make demo   sets up .venv and analyses one ultrasound, one CT and one MRI case
# make test   the test suite (development extras, no torch)
# make train  adds torch and what training needs
# make check  format, lint, types, architecture (needs the training extra: its code is checked too)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= demo-out
SOURCES := pyproject.toml constraints.txt

.PHONY: demo train test check check-full docs format clean

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.base: $(VENV)/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	touch $@

$(VENV)/.dev: $(VENV)/.base
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

$(VENV)/.train: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,train]'
	touch $@

demo: $(VENV)/.base
	$(BIN)/python -m steatoscope.apps.cli.demo --out $(OUT)

train: $(VENV)/.train

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

check: $(VENV)/.train
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check-full: check
	STEATOSCOPE_FULL=1 $(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

docs: $(VENV)/.dev
	$(BIN)/python -m steatoscope.apps.cli.reference docs/reference

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) demo-out build dist
