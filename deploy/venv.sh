#!/bin/sh
# Creates the virtual environment VENV with PYTHON, and installs the pinned REQUIREMENTS and Santral.
set -eu
python=$1 venv=$2 requirements=$3

"$python" - <<'CHECK' || exit 1
import sys
if sys.version_info < (3, 11):
    sys.exit(f"error: Python 3.11 or newer is needed, this is {sys.version.split()[0]}. "
             "Give another: make PYTHON=python3.12 …")
CHECK

if [ ! -x "$venv/bin/python" ]; then
    if ! "$python" -m venv "$venv" 2>/dev/null; then
        # Debian keeps the venv module in a package of its own.
        rm -rf "$venv"
        if [ "$(id -u)" = 0 ]; then sudo=""; else sudo="sudo -n"; fi
        if command -v apt-get >/dev/null 2>&1; then
            echo "installing python3-venv by apt"
            $sudo apt-get update -q && $sudo apt-get install -qy --no-install-recommends python3-venv
        fi
        "$python" -m venv "$venv" || {
            echo "error: $python can't make a virtual environment: install python3-venv" >&2; exit 1; }
    fi
fi
echo "installing $requirements into $venv (the first time this takes a minute or two)"
packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
"$venv/bin/python" deploy/pip_progress.py "$requirements" "$packages" \
    "$venv/bin/python" -m pip install --disable-pip-version-check --progress-bar off \
    --require-hashes -r "$requirements"
# The build backend looks for its own program on the path.
PATH="$(pwd)/$venv/bin:$PATH" "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
