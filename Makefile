# Each target sets up what it needs in .venv, by pip alone, from the locked requirement files.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check bench lock picture schema clean

demo: .venv/.demo
	$(BIN)/lastgood demo

test: check
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry src

bench: .venv/.dev
	$(BIN)/python -m bench

schema: .venv/.dev
	$(BIN)/python docs/renew.py

picture: .venv/.dev
	$(BIN)/python docs/picture.py

lock: .venv/.dev
	$(BIN)/python requirements/lock.py

.venv/.demo: requirements/demo.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/demo.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

.venv/.dev: requirements/dev.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@ .venv/.demo

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
