# make demo   sets up .venv and analyses one ultrasound, one CT and one MRI case
# make test   the test suite (development extras, no torch)
# make train  adds torch and what training needs
# make check  format, lint, types, architecture (needs the training extra: its code is checked too)
# make check-full  repeats what docs/results says, hours; broken off, it goes on: STEATOSCOPE_DATA=DIR make check-full RESULTS=DIR
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= demo-out
SOURCES := pyproject.toml constraints.txt

RESULTS ?= full-results
REAL = --data "$(STEATOSCOPE_DATA)
RUN_r1 = r1-unet-rcnn --plan full --resume $(REAL)"
RUN_r2 = r2-resnet50-grading --plan full --resume $(REAL)"
RUN_r3 = r3-multiview --plan full --resume $(REAL)"
RUN_r4 = r4-hmrs-regression --plan full --resume
RUN_r4-medium = r4-hmrs-regression --plan medium --resume
RUN_r4-real = r4-hmrs-regression --plan real-full --resume $(REAL)/us/byra2018"
RUN_r5 = r5-ct-anomaly --plan full --resume $(REAL)"
RUN_aul = aul $(REAL)/us/aul"
RUN_byra2018 = byra2018 $(REAL)/us/byra2018"
RUN_mr_pdff = mr_pdff $(REAL)/mr"
RUN_phantom = phantom
RUN_uncertainty = uncertainty $(REAL)"
RUN_refusal = refusal $(REAL)"
RUN_explanation = explanation $(REAL)"
RUN_normality = normality $(REAL)"
RUN_longitudinal = longitudinal $(REAL)"
RUN_clinical = clinical
TRUST := uncertainty refusal explanation normality longitudinal clinical
# two workers share the cores: threads that wait for one another would more than double the time
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 STEATOSCOPE_THREADS=1
PYTEST = $(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)
FULL := r1 r2 r3 r4-medium r4-real r5 aul byra2018 mr_pdff phantom $(TRUST) r4

.PHONY: demo train test check check-full docs format clean full-data

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
	$(PYTEST)

check: $(VENV)/.train
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check-full: full-data check
	STEATOSCOPE_FULL=1 $(PYTEST)
	$(MAKE) --no-print-directory $(FULL:%=$(RESULTS)/%/benchmark.json)
	$(BIN)/python -m steatoscope lab $(RESULTS) --out $(RESULTS)/laboratory

full-data:
	@test -d "$(STEATOSCOPE_DATA)" || { echo 'check-full reads real images: set STEATOSCOPE_DATA to their folder,' \
	  'laid out as docs/reference/data.md says' >&2; exit 2; }

# A finished run is not repeated, and a recipe goes on where it was broken off.
$(RESULTS)/%/benchmark.json: | $(VENV)/.train full-data
	$(BIN)/python -m steatoscope benchmark $(RUN_$*) --out $(RESULTS)/$*

docs: $(VENV)/.dev
	$(BIN)/python -m steatoscope.apps.cli.reference docs/reference

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) demo-out build dist
