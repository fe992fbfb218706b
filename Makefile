# Every verb prepares the environment it needs; each is also plain to run by hand from .venv/bin.
.PHONY: setup demo test test-again check bench mutate properties lock clean
.DEFAULT_GOAL := demo

setup:
	@bash scripts/setup.sh

demo: setup
	.venv/bin/nightcharge demo

test: setup
	.venv/bin/pytest -n 2 --dist loadfile

# What failed last time, alone on the machine. A test that fails twice is broken; one that fails once is named above.
test-again: setup
	.venv/bin/pytest --last-failed --last-failed-no-failures none

check: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/pytest tests/unit/test_imports.py

bench: setup
	.venv/bin/python -m benchmarks

# One planted mistake per statement of the driver's lifecycle and per category of failures; each must be noticed.
mutate: setup
	.venv/bin/python scripts/mutate.py
	.venv/bin/python -m nights.mutate

# 20,000 random sequences of a driver's events, and three years of one driver (about fifteen minutes).
properties: setup
	NIGHTCHARGE_SEQUENCES=20000 .venv/bin/pytest tests/unit/domain/test_driver_properties.py
	NIGHTCHARGE_YEARS=3 .venv/bin/pytest tests/workflow/test_driver_years.py

# Needs uv; resolves for every supported Python at once and records hashes, never hosts.
lock:
	uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --extra dev pyproject.toml -o requirements-dev.txt
	uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header -c requirements-dev.txt pyproject.toml -o requirements.txt

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache
