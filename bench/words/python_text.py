"""Finds the texts of a Python file: docstrings, comments, error texts, and texts of the commands.

Log events are not among them, because programs read these. Pure.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from bench.words.finding import Passage

_SPEAKS = {"echo", "secho", "confirm", "prompt", "Problem"}  # click's, and the settings' mistakes
_HELP = {"help", "short_help", "epilog"}
_DIRECTIVE = re.compile(r"#\s*(?:noqa|type:|fmt:|pragma|example:|!)")
_BESIDE_CODE = -1


def passages(source: str, nodes: Sequence[ast.AST]) -> Iterator[Passage]:
    """Yield each text of a file."""
    yield from _comments(source, nodes)
    for node in nodes:
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield Passage(node.lineno, "docstring", text)
            case ast.Raise(exc=ast.Call(args=arguments)):
                yield from _messages(arguments)
            case ast.Call(func=function) if _name(function) in _SPEAKS:
                yield from _messages(node.args)
            case ast.keyword(arg=str(name)) if name in _HELP:
                yield from _messages([node.value])
            case ast.AnnAssign(target=ast.Name(id="CODES"), value=ast.Dict(values=texts)):
                yield from _messages(texts)
            case _:
                pass


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _messages(values: list[ast.expr]) -> Iterator[Passage]:
    for value in values:
        text = _text(value)
        if " " in text:
            yield Passage(value.lineno, "message", text)


def _text(value: ast.expr) -> str:
    """Return a string with a word in place of each value that is formatted into it."""
    match value:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=pieces):
            return "".join(_text(piece) or "Q" for piece in pieces)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return (_text(left) or "Q") + (_text(right) or "Q")
        case _:
            return ""


def _comments(source: str, nodes: Sequence[ast.AST]) -> Iterator[Passage]:
    """Yield each block of comments; one beside code is a block of its own."""
    block: list[str] = []
    lines = [*_comment_lines(source, nodes), (_BESIDE_CODE, 0, "")]
    for (line, column, text), (following, next_column, _) in pairwise(lines):
        block.append(text)
        if following != line + 1 or next_column != column or column == _BESIDE_CODE:
            yield Passage(line + 1 - len(block), "comment", "\n".join(block))
            block = []


def _comment_lines(source: str, nodes: Sequence[ast.AST]) -> Iterator[tuple[int, int, str]]:
    """Yield line, column and text of each comment; the column is -1 beside code."""
    strings = _string_ends(nodes)
    for number, line in enumerate(source.split("\n"), 1):
        if "#" not in line:
            continue
        raw = line.encode()
        start = _comment_start(raw, strings.get(number, []))
        if start >= 0 and not _DIRECTIVE.match(raw[start:].decode()):
            column = _BESIDE_CODE if raw[:start].strip() else start
            yield number, column, raw[start:].decode().lstrip("#: ")


def _comment_start(line: bytes, strings: list[tuple[int, int]]) -> int:
    """Return the offset of the first `#` outside of the strings, or -1."""
    start = line.find(b"#")
    while start >= 0 and any(begin <= start < end for begin, end in strings):
        start = line.find(b"#", start + 1)
    return start


def _string_ends(nodes: Sequence[ast.AST]) -> dict[int, list[tuple[int, int]]]:
    """Return, for each line, from which byte to which a string covers it."""
    covered: dict[int, list[tuple[int, int]]] = {}
    for node in nodes:
        if isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))
        ):
            last = node.end_lineno or node.lineno
            for line in range(node.lineno, last + 1):
                begin = node.col_offset if line == node.lineno else 0
                end = (node.end_col_offset or 0) if line == last else 1 << 30
                covered.setdefault(line, []).append((begin, end))
    return covered
