"""`python -m bench.words [PATH …]`: print the words to replace, with file and line.

A PATH is a file or a folder of the checkout; without one, every file is read. `--shorten` takes clean
and missing files off the list of those not yet read, and never adds one.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.words.tree import NOT_YET, findings, not_yet, paths


def main() -> None:
    """Print the findings; the exit code is 1 when there are any."""
    parser = argparse.ArgumentParser(prog="python -m bench.words", description=__doc__)
    parser.add_argument("paths", nargs="*", metavar="PATH")
    parser.add_argument("--shorten", action="store_true", help=f"take clean files off {NOT_YET}")
    options = parser.parse_args()
    root = Path.cwd()
    if options.shorten:
        _shorten(root)
        return
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


def _shorten(root: Path) -> None:
    listed = not_yet(root)
    left = [p for p in listed if (root / p).is_file() and any(True for _ in findings(root, p))]
    (root / NOT_YET).write_text("".join(f"{path}\n" for path in left), encoding="utf-8")
    print(f"{len(listed) - len(left)} files off the list, {len(left)} left")


if __name__ == "__main__":
    main()
