"""Finds names that say nothing of the thing they name.

`told`, `held` or `one` can name a header, a lease or a bool, so a reader must look each of them up.
The check covers variables, parameters, attributes, functions, classes, modules and constants. A longer
name such as `last_seen` may contain one of the words.

The fields of a `Record` are exempt, because they are keys of JSON that travels or that a vendor writes.
Keyword arguments of a call are exempt too, since the parameter itself is a finding. Pure.
"""

import ast
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from bench.words.finding import Finding

NAMES = frozenset(
    {"told", "said", "made", "found", "held", "known", "seen", "kept", "had", "given", "asked"}
    | {"one", "who", "whole", "place", "part", "mark", "at", "by"}
)
FUNCTIONS = NAMES | {"look", "tell", "taken", "beside"}  # a function is a verb with its object
CONSTANTS = (
    NAMES
    | {"most", "least", "few", "half", "shown", "look_s", "again_s", "later"}
    | {"later_s", "patience_s", "remembered"}
)  # how much, but not of what
_STRUCT_OPTIONS = {"frozen", "kw_only", "rename", "tag", "tag_field", "forbid_unknown_fields"}


def name_findings(path: PurePath, nodes: Sequence[ast.AST]) -> Iterator[Finding]:
    """Yield a finding for each definition of such a name, in no order."""
    module = path.parent.name if path.stem == "__init__" else path.stem
    if _bare(module) in NAMES:
        yield Finding(1, "name", f"module {module}")
    exempt = _record_fields(nodes)
    for node in nodes:
        if node not in exempt:
            for kind, name, line in _definitions(node):
                if _bare(name) in _words(kind, name):
                    yield Finding(line, "name", f"{kind} {name}")


def _bare(name: str) -> str:
    return name.strip("_").rstrip("0123456789").lower()


def _words(kind: str, name: str) -> frozenset[str]:
    if kind == "function":
        return FUNCTIONS
    return CONSTANTS if kind == "variable" and name.isupper() else NAMES


def _definitions(node: ast.AST) -> Iterator[tuple[str, str, int]]:
    """Yield kind, name and line of what a node defines."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield "function", node.name, node.lineno
        case ast.ClassDef():
            yield "class", node.name, node.lineno
        case ast.arg():
            yield "parameter", node.arg, node.lineno
        case ast.Name(ctx=ast.Store()):
            yield "variable", node.id, node.lineno
        case ast.Attribute(value=ast.Name(id="self" | "cls"), ctx=ast.Store()):
            yield "attribute", node.attr, node.lineno
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            yield "variable", name, node.lineno
        case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            yield "variable", name, node.lineno
        case ast.alias(asname=str(name)):
            yield "import", name, node.lineno
        case _:
            pass


def _record_fields(nodes: Sequence[ast.AST]) -> set[ast.AST]:
    """Return the names of fields that are keys of JSON."""
    records = {"Record"}
    fields: set[ast.AST] = set()
    for node in nodes:
        if isinstance(node, ast.ClassDef) and _is_record(node, records):
            records.add(node.name)
            fields |= {field.target for field in node.body if isinstance(field, ast.AnnAssign)}
    return fields


def _is_record(node: ast.ClassDef, records: set[str]) -> bool:
    """Say whether a class is a Record: by its base, or by a Struct's options and a base of ours.

    A class directly below `msgspec.Struct` is a value inside a process, and its fields are checked.
    """
    bases = {ast.unparse(base).rpartition(".")[2].partition("[")[0] for base in node.bases}
    options = {keyword.arg for keyword in node.keywords}
    return bool(bases & records) or bool(options & _STRUCT_OPTIONS and bases - {"Struct"})
