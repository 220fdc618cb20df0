"""Counts the pairs of files that share a run of six or more lines. Pure.

Blank lines, comments, imports and lone brackets are left out first. Lines of the same shape differ only in
names, strings and numbers. A run of lines that is in more than eight places is too common to be a copy.
"""

import ast
import keyword
import re
from collections import defaultdict
from collections.abc import Mapping
from itertools import combinations

MIN_LINES = 6
MAX_PLACES = 8

_THIN = re.compile(r"[\W_]*|#.*|\"\"\".*")
_VALUE = re.compile(r"[a-z]?\"[^\"]*\"|[a-z]?'[^']*'|\w+")
Position = tuple[str, int]


def repeat_count(sources: Mapping[str, str], *, by_shape: bool = False) -> int:
    """Return the number of pairs of files with such a run; a file can pair with itself."""
    lines = {path: _telling_lines(source) for path, source in sources.items()}
    if by_shape:
        lines = {path: [_shape(line) for line in texts] for path, texts in lines.items()}
    windows: dict[tuple[str, ...], list[Position]] = defaultdict(list)
    for path, texts in lines.items():
        for start in range(len(texts) - MIN_LINES + 1):
            windows[tuple(texts[start : start + MIN_LINES])].append((path, start))
    pairs = {
        (first[0], second[0])
        for positions in windows.values()
        if 1 < len(positions) <= MAX_PLACES
        for first, second in combinations(positions, 2)
        if first[0] != second[0] or second[1] - first[1] >= MIN_LINES
    }
    return len(pairs)


def _telling_lines(source: str) -> list[str]:
    imports = _import_lines(source)
    lines = enumerate(source.splitlines(), 1)
    stripped = (line.strip() for number, line in lines if number not in imports)
    return [line for line in stripped if not _THIN.fullmatch(line)]


def _import_lines(source: str) -> set[int]:
    """Return the numbers of all lines of the imports, which often span several lines."""
    return {
        number
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


def _shape(line: str) -> str:
    return _VALUE.sub(lambda value: value[0] if keyword.iskeyword(value[0]) else "x", line)
