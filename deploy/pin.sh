#!/bin/sh
# Pins the requirements of pyproject.toml, with hashes and without the address of a registry.
set -eu
python3 -m venv .cache/pin && .cache/pin/bin/pip install --quiet uv
pin() {
    .cache/pin/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --quiet \
        --generate-hashes --no-emit-index-url --no-annotate --no-header "$@"
}
pin --extra local --extra train --extra build -o requirements.txt
pin --extra local --extra train --extra build --extra second --extra test -c requirements.txt -o requirements-test.txt
pin -o requirements-stage.txt -c requirements.txt
