"""The measures of a checkout: one function each, from the files to a number for each area."""

import ast
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePath

from bench.house.files import AREAS, Area, PythonFile
from bench.house.repeats import repeat_count
from bench.words.tree import findings, paths

MAX_FILE_LINES = 350
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 6
MANY_PARAMETERS = 8
MAX_MODULES = 12

# Each channel names the Struct with its settings `Account`, by the convention of the registry. All of
# them have one meaning, so they are exempt from the count of shared names.
_FOLDERS_OF_ACCOUNTS = ("ingest/channels/", "ingest/vendors/")

Row = tuple[str, str, str, str]
"""A label, and the counts in production, in tests, and in bench with deploy."""
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def rows(root: Path, files: Sequence[PythonFile]) -> Iterator[Row]:
    """Yield the rows of the table, in its order."""
    yield _sum_by_file("Python files", files, lambda file: 1)
    yield _sum_by_file("lines, as committed", files, lambda file: file.source.count("\n"))
    yield _sum_by_file("lines, as formatted", files, lambda file: file.formatted.count("\n"))
    yield _sum_by_file(f"files over {MAX_FILE_LINES} lines as formatted", files, _is_long_file)
    yield _sum_by_file(
        f"functions over {MAX_FUNCTION_LINES} lines as formatted", files, _count_long_functions
    )
    yield _sum_by_file(
        f"functions with {MANY_PARAMETERS} or more parameters",
        files,
        _functions_with_parameters(MANY_PARAMETERS),
    )
    yield _sum_by_file(
        f"functions over {MAX_PARAMETERS} parameters",
        files,
        _functions_with_parameters(MAX_PARAMETERS + 1),
    )
    yield _sum_by_file("`fmt: skip`", files, lambda file: file.source.count("# fmt: skip"))
    yield _sum_by_file("`noqa`", files, lambda file: file.source.count("# noqa"))
    yield _sum_by_file("imports by string", files, _count_string_imports)
    yield _sum_by_file("`Any`", files, _count_any_uses)
    yield from _word_rows(root, files)
    yield _count_by_area("class names with several meanings", files, _count_shared_class_names)
    yield _count_by_area("classes that share their name", files, _count_classes_with_shared_names)
    yield _count_by_area("pairs of files that share six or more lines", files, _count_repeats)
    yield _count_by_area(
        "pairs of files with six or more lines of one shape", files, _count_repeats_of_shape
    )
    yield _count_by_area(f"packages over {MAX_MODULES} modules", files, _count_large_packages)


def large_packages(files: Iterable[PythonFile]) -> dict[str, int]:
    """Return the packages with more than MAX_MODULES modules, without `__init__`, and their number."""
    modules = Counter(
        str(PurePath(file.path).parent)
        for file in files
        if PurePath(file.path).name != "__init__.py"
    )
    return {name: count for name, count in sorted(modules.items()) if count > MAX_MODULES}


def page_row(root: Path) -> str:
    """Return one sentence about the pages' prose."""
    pages = [path for path in paths(root) if path.endswith(".md")]
    count = sum(1 for path in pages for _ in findings(root, path))
    return f"{len(pages)} pages of documentation have {count} findings in their prose."


def _sum_by_file(
    label: str, files: Iterable[PythonFile], count: Callable[[PythonFile], int]
) -> Row:
    totals = Counter[Area]()
    for file in files:
        totals[file.area] += count(file)
    return _format_row(label, totals)


def _count_by_area(
    label: str, files: Iterable[PythonFile], count: Callable[[list[PythonFile]], int]
) -> Row:
    groups: dict[Area, list[PythonFile]] = defaultdict(list)
    for file in files:
        groups[file.area].append(file)
    return _format_row(label, Counter({area: count(group) for area, group in groups.items()}))


def _format_row(label: str, totals: Counter[Area]) -> Row:
    production, tests, others = (f"{totals[area]:,}" for area in AREAS)
    return label, production, tests, others


def _is_long_file(file: PythonFile) -> bool:
    return file.formatted.count("\n") > MAX_FILE_LINES


def _functions(file: PythonFile) -> Iterator[_Function]:
    return (node for node in file.nodes if isinstance(node, _Function))


def _count_long_functions(file: PythonFile) -> int:
    return sum(
        (function.end_lineno or 0) - function.lineno >= MAX_FUNCTION_LINES
        for function in _functions(file)
    )


def _functions_with_parameters(minimum: int) -> Callable[[PythonFile], int]:
    """Return a measure that counts the functions with at least `minimum` parameters."""

    def count(file: PythonFile) -> int:
        return sum(_count_parameters(function) >= minimum for function in _functions(file))

    return count


def _count_parameters(function: _Function) -> int:
    """Return the number of parameters, without `self` and `cls`."""
    arguments = function.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def _count_string_imports(file: PythonFile) -> int:
    calls = (ast.unparse(node.func) for node in file.nodes if isinstance(node, ast.Call))
    return sum(call.rpartition(".")[2] in {"import_module", "__import__"} for call in calls)


def _count_any_uses(file: PythonFile) -> int:
    return sum(isinstance(node, ast.Name) and node.id == "Any" for node in file.nodes)


def _word_rows(root: Path, files: Sequence[PythonFile]) -> Iterator[Row]:
    by_rule: dict[str, Counter[Area]] = defaultdict(Counter)
    for file in files:
        for finding in findings(root, file.path):
            rule = "names" if finding.rule == "name" else "prose"
            by_rule[rule][file.area] += 1
    yield _format_row("words ruled out, as names", by_rule["names"])
    yield _format_row("words and sentences ruled out, in prose", by_rule["prose"])


def _class_names(files: Iterable[PythonFile]) -> Counter[str]:
    return Counter(
        node.name
        for file in files
        for node in file.nodes
        if isinstance(node, ast.ClassDef) and not _is_channel_account(file, node)
    )


def _is_channel_account(file: PythonFile, node: ast.ClassDef) -> bool:
    return node.name == "Account" and file.path.startswith(_FOLDERS_OF_ACCOUNTS)


def _count_shared_class_names(files: list[PythonFile]) -> int:
    return sum(count > 1 for count in _class_names(files).values())


def _count_classes_with_shared_names(files: list[PythonFile]) -> int:
    return sum(count for count in _class_names(files).values() if count > 1)


def _count_repeats(files: list[PythonFile]) -> int:
    return repeat_count({file.path: file.formatted for file in files})


def _count_repeats_of_shape(files: list[PythonFile]) -> int:
    return repeat_count({file.path: file.formatted for file in files}, by_shape=True)


def _count_large_packages(files: list[PythonFile]) -> int:
    return len(large_packages(files))
