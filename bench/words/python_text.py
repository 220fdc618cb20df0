"""Finds the texts of a Python file: docstrings, comments, error texts, and texts of the commands.

Log events are not among them, because programs read these. Pure.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import pairwise
from tokenize import COMMENT, generate_tokens

from bench.words.finding import Passage

_TEXT_FUNCTIONS = {"echo", "secho", "confirm", "prompt", "Problem"}
"""The functions of click that print their arguments, and the class of a mistake in the settings."""

_TEXT_KEYWORDS = {"help", "short_help", "epilog"}
"""The arguments of click's decorators that `--help` prints."""

_TEXT_TABLES = {"CODES"}
"""The names of dicts whose values people read: schemas/errors.py explains each code to operators."""

_DIRECTIVE = re.compile(r"#\s*(?:noqa|type:|fmt:|pragma|example:|!)")
_BESIDE_CODE = -1


def passages(source: str, nodes: Sequence[ast.AST]) -> Iterator[Passage]:
    """Yield each text of a file."""
    yield from _comments(source)
    for node in nodes:
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield Passage(node.lineno, "docstring", text)
            case ast.Raise(exc=ast.Call(args=arguments)):
                yield from _messages(arguments)
            case ast.Call(func=function) if _name(function) in _TEXT_FUNCTIONS:
                yield from _messages(node.args)
            case ast.keyword(arg=str(name)) if name in _TEXT_KEYWORDS:
                yield from _messages([node.value])
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Dict(values=texts)) if (
                name in _TEXT_TABLES
            ):
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


def _comments(source: str) -> Iterator[Passage]:
    """Yield each block of comments; one beside code is a block of its own."""
    block: list[str] = []
    lines = [*_comment_lines(source), (_BESIDE_CODE, 0, "")]
    for (line, column, text), (following, next_column, _) in pairwise(lines):
        block.append(text)
        if following != line + 1 or next_column != column or column == _BESIDE_CODE:
            yield Passage(line + 1 - len(block), "comment", "\n".join(block))
            block = []


def _comment_lines(source: str) -> Iterator[tuple[int, int, str]]:
    """Yield line, column and text of each comment; the column is -1 beside code."""
    for token in generate_tokens(StringIO(source).readline):
        if token.type == COMMENT and not _DIRECTIVE.match(token.string):
            line, column = token.start
            is_beside_code = bool(token.line[:column].strip())
            yield line, _BESIDE_CODE if is_beside_code else column, token.string.lstrip("#: ")
