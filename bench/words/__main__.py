"""`python -m bench.words [PATH …]`: print the words to replace, with file and line.

A PATH is a file or a folder of the checkout; without one, every file is read.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.words.tree import findings, paths


def main() -> None:
    """Print the findings; the exit code is 1 when there are any."""
    parser = argparse.ArgumentParser(prog="python -m bench.words", description=__doc__)
    parser.add_argument("paths", nargs="*", metavar="PATH")
    options = parser.parse_args()
    root = Path.cwd()
    count = 0
    for path in _chosen(root, options.paths):
        for finding in sorted(findings(root, path)):
            print(f"{path}:{finding}")
            count += 1
    print(f"{count} findings", file=sys.stderr)
    sys.exit(count > 0)


def _chosen(root: Path, wanted: list[str]) -> Iterator[str]:
    """Yield the files below each wanted path, or all; exit when there is no file below one."""
    every = paths(root)
    for name in wanted or ["."]:
        below = Path(name).resolve().relative_to(root.resolve())
        files = [path for path in every if Path(path).is_relative_to(below)]
        if not files:
            raise SystemExit(f"{name} has no Python file or page to check")
        yield from files


if __name__ == "__main__":
    main()
