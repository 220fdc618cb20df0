"""`make compiled`: compile the router's pure modules with mypyc into this environment.

The build goes to the folder santral_compiled beside the installed packages, never beside the
sources. runtime/compiled_modules.py imports it as long as the sources are those of the build. A
build needs a C compiler, and takes one to five minutes.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from runtime.compiled_modules import (
    BUILD_FILE,
    FOLDER,
    ROOT,
    Build,
    hash_sources,
    source_files,
)

MODULES = (
    "router.batch",
    "router.decision.analysis",
    "router.decision.decide",
    "router.decision.department_choice",
    "router.decision.incident_match",
    "router.decision.next_state",
    "router.decision.priority",
    "router.decision.ranking",
    "router.decision.reasons",
    "router.decision.rule_summary",
    "router.models.language",
    "router.record_decision",
    "router.text.entities",
    "router.text.phone_numbers",
    "router.text.rules",
    "router.text.terms",
    "router.text.word_cache",
    "runtime.trace",
    "schemas.envelope",
    "schemas.text.fold",
)
"""The modules that run for each message. mypyc drops the class keywords of a Struct, so a Struct in
one of them inherits from Record, and one with a keyword of its own has an uncompiled module."""

_SETUP = """
from mypyc.build import mypycify
from setuptools import setup

modules = mypycify(["--config-file=types.toml", *{files!r}], opt_level="3", debug_level="0")
setup(name="santral-compiled", packages=[], ext_modules=modules)
"""


def main() -> None:
    """Build the modules of this checkout and install them."""
    with tempfile.TemporaryDirectory() as folder:
        built = _compile(Path(folder))
        build = Build(frozenset(MODULES), hash_sources(Path(folder)))
        (built / BUILD_FILE).write_bytes(msgspec.json.encode(build))
        shutil.rmtree(FOLDER, ignore_errors=True)
        shutil.copytree(built, FOLDER)
    sys.stdout.write(f"{len(MODULES)} compiled modules are in {FOLDER}\n")


def _compile(folder: Path) -> Path:
    """Compile a copy of the sources in an empty folder; return the folder with the result."""
    for source in source_files(ROOT):
        copy = folder / source.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    # setuptools refuses our pyproject.toml in its own folder, and mypy reads it by any name.
    shutil.copyfile(ROOT / "pyproject.toml", folder / "types.toml")
    files = [f"{module.replace('.', '/')}.py" for module in MODULES]
    (folder / "setup.py").write_text(_SETUP.format(files=files), "utf-8")
    command = (sys.executable, "setup.py", "--quiet", "build_ext", "--build-lib", "built")
    subprocess.run(command, cwd=folder, check=True)
    return folder / "built"


if __name__ == "__main__":
    main()
