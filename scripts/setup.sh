#!/usr/bin/env bash
# Prepares .venv from the hash-locked requirements. Needs python3 (3.11 to 3.13) with venv and pip, and the package index.
set -euo pipefail
cd "$(dirname "$0")/.."

python=""
for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "setup: Python 3.11, 3.12 or 3.13 is needed; found: $(python3 --version 2>&1 || echo 'no python3'). Name one with PYTHON=/path/to/python3." >&2
    exit 1
fi

stamp=.venv/.locked
lock=$(cat requirements-dev.txt pyproject.toml | "$python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
if [ -x .venv/bin/nightcharge ] && [ "$(cat "$stamp" 2>/dev/null)" = "$lock" ]; then
    exit 0
fi

echo "setup: preparing .venv with $("$python" --version)"
if ! "$python" -m venv .venv; then
    echo "setup: the venv module is missing; on Debian install python3-venv." >&2
    exit 1
fi
if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt; then
    echo "setup: the packages could not be installed. Is the network up, and the package index reachable for pip?" >&2
    exit 1
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
echo "$lock" >"$stamp"
