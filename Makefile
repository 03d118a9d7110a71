# make demo    all set-up, then the main job on a real stack
# make test    all set-up, then the whole test suite
# make docs    the pages that are made from the code
# make check   style, types and import rules alone
# make clean   forget what these made here (the store in the user's cache folder stays)

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
IMAGE := src/ocistacks/builder/image

.PHONY: demo test check docs format system clean requirements

demo: $(VENV)/installed
	@sh scripts/install-packages.sh --optional scripts/demo-packages.txt
	@$(BIN)/python examples/demo.py

# More than half of a test's time is waiting, whatever the number of cores; more than four at once
# only wait for the same disk.
test: check system
	$(BIN)/python -m pytest tests --numprocesses=4 --no-loadscope-reorder

check: $(VENV)/developing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/installed
	$(BIN)/ocistacks schema > docs/venvstacks.schema.json
	$(BIN)/python -m typer ocistacks.cli.main utils docs --name ocistacks --title Commands --output docs/commands.md

format: $(VENV)/developing
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

system:
	@sh scripts/install-packages.sh scripts/test-packages.txt

$(VENV)/installed: pyproject.toml scripts/requirements.txt
	@sh scripts/make-venv.sh $(PYTHON) $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement scripts/requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/developing: $(VENV)/installed scripts/requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement scripts/requirements-dev.txt
	@touch $@

# Pins with hashes and without URLs, so that they hold for any mirror of the package index.
requirements: $(VENV)/installed
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet \
	    --output-file scripts/requirements.txt pyproject.toml scripts/build-requirements.in
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet \
	    --constraint scripts/requirements.txt --group dev --output-file scripts/requirements-dev.txt
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet \
	    --no-deps --constraint scripts/requirements.txt --output-file $(IMAGE)/puller-requirements.txt $(IMAGE)/puller-requirements.in

clean:
	rm -rf $(VENV) .cache demo_artifacts demo_deployment
