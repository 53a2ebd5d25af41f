# Parley's commands. Each installs what it needs into .venv first, and only when the locked requirements changed.

# Any Python from 3.11 to 3.13 will do; PYTHON=/path/to/python chooses one.
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
export DJANGO_SETTINGS_MODULE := app.settings
AS_IN_PRODUCTION := PUBLIC_URL=https://parley.example.org ALLOWED_HOSTS=parley.example.org DEBUG=0

.PHONY: run test check messages bench lock clean embedded dev
.DEFAULT_GOAL := run

run: embedded  ## Start Parley with everything it needs; Ctrl-C stops it
	@exec $(BIN)/python manage.py up

test: dev  ## Run the tests; ARGS='…' goes to pytest
	@deploy/chromium.sh $(BIN)/python > $(VENV)/chromium.path
	@PARLEY_CHROMIUM="$$(cat $(VENV)/chromium.path)" deploy/test.sh $(BIN)/python $(ARGS)

check: dev  ## Lint, format, types, direction of imports, missing migrations, templates, translated words
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint templates --lint --quiet
	$(BIN)/python -m deploy.words --check
	PARLEY_DATA_DIR=$(VENV)/check-data $(BIN)/python manage.py check
	PARLEY_DATA_DIR=$(VENV)/check-data $(AS_IN_PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	PARLEY_DATA_DIR=$(VENV)/check-data $(BIN)/python deploy/missing_migrations.py

messages: dev  ## Bring the catalogues of translations up to date and compile them; see docs/languages.md
	@$(BIN)/python -m deploy.words

bench: dev  ## Run the benchmarks; ONLY=name runs one of them
	@exec $(BIN)/python -m bench $(ONLY)

lock: dev  ## Pin every dependency anew, with hashes
	@deploy/requirements/lock.sh

clean:  ## Remove what was installed and what tools cached; the data folder stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis staticfiles
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

embedded:
	@PYTHON='$(PYTHON)' deploy/install.sh $(VENV) embedded

dev:
	@PYTHON='$(PYTHON)' deploy/install.sh $(VENV) dev
