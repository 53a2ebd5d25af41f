# Parley's commands. Each installs what it needs into .venv first, and only when the locked requirements changed.

# Any Python from 3.11 to 3.13 will do; PYTHON=/path/to/python chooses one.
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
export DJANGO_SETTINGS_MODULE := app.settings
AS_IN_PRODUCTION := PUBLIC_URL=https://parley.example.org ALLOWED_HOSTS=parley.example.org DEBUG=0 \
  MASTER_KEY=no-secret-but-long-enough-for-this-check-alone

.PHONY: run test check messages bench lock licences sbom audit clean embedded dev
.DEFAULT_GOAL := run

run: embedded  ## Start Parley with everything it needs; Ctrl-C stops it
	@exec $(BIN)/python manage.py up

test: dev  ## Run the tests; ARGS='…' goes to pytest
	@deploy/chromium.sh $(BIN)/python > $(VENV)/chromium.path
	@PARLEY_CHROMIUM="$$(cat $(VENV)/chromium.path)" deploy/test.sh $(BIN)/python $(ARGS)

check: dev  ## Lint, format, types, direction of imports, missing migrations, templates, translated words, licences
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint templates --lint --quiet
	$(BIN)/python -m deploy.words --check
	$(BIN)/python -m deploy.supply licences
	$(BIN)/python -m deploy.standard --check
	PARLEY_DATA_DIR=$(VENV)/check-data $(BIN)/python manage.py check
	PARLEY_DATA_DIR=$(VENV)/check-data $(AS_IN_PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	PARLEY_DATA_DIR=$(VENV)/check-data $(BIN)/python deploy/missing_migrations.py

licences: dev  ## Is every part under a licence that it may be used by? deploy/supply/parts.toml says which
	@$(BIN)/python -m deploy.supply licences

sbom: dev  ## Write the inventory of all parts as CycloneDX JSON, into SBOM=sbom.cdx.json
	@$(BIN)/python -m deploy.supply sbom $(or $(SBOM),sbom.cdx.json)

audit: dev  ## Ask for known holes in the parts; fails as well when nobody answers; ANSWER=file judges an answer got elsewhere
	@$(BIN)/python -m deploy.supply audit $(ANSWER)

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
