"""Programs of the machine that a test may need."""

import os
import warnings

import pytest


def require_program(present: object, name: str) -> None:
    """Skip, loudly, without a program of the machine; with CI=true that is a failure."""
    if present:
        return
    text = f"{name} is not installed: `sh deploy/test_tools.sh` installs it where it can"
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    warnings.warn(pytest.PytestWarning(f"SKIPPED: {text}"), stacklevel=2)
    pytest.skip(text)
