#!/usr/bin/env bash
# Lets the vendor's own Python SDK drive the simulator, in an environment of its own (its pins must not bind ours).
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.venv/enode-sdk
if [ ! -x "$venv/bin/python" ]; then
    "${PYTHON:-python3}" -m venv "$venv"
fi
"$venv/bin/pip" install --quiet --disable-pip-version-check "enode==0.2.6"
exec "$venv/bin/python" scripts/enode_sdk.py .venv/bin/python
