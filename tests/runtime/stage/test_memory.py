"""Memory returns after a flood."""

import subprocess
import sys

from tests.support.paths import ROOT

_FLOOD = """
import sys
import psutil
from runtime.stage.memory import return_large_memory

if sys.argv[1] == "returned":
    return_large_memory()
before = psutil.Process().memory_info().rss
kept = []
for flood in range(3):
    mails = [bytearray() for _ in range(80)]
    for _ in range(30):
        for mail in mails:
            mail += b"x" * 100_000
            kept.append(b"y" * 600)
    mails.clear()
print(psutil.Process().memory_info().rss - before)
"""


def _held_mb(how: str) -> float:
    arguments = [sys.executable, "-c", _FLOOD, how]
    result = subprocess.run(arguments, cwd=ROOT, capture_output=True, check=True, text=True)
    return int(result.stdout) / 1e6


def test_the_memory_of_eighty_mails_returns_to_the_system() -> None:
    assert _held_mb("returned") < 40
