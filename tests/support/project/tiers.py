"""Finds the tests that need a server by reading their code.

A test needs one when it, its fixture, or a helper under tests/ that one of them names starts a
long-lived process (`Popen`) or a browser. conftest.py marks such a test `server`.
"""

import functools
import types
from collections.abc import Iterator

_STARTS = {"Popen", "async_playwright"}


def starts_server(function: object) -> bool:
    """Say whether a function, or a helper that it names in tests/, starts a long-lived process."""
    visited: set[int] = set()
    waiting = [function]
    while waiting:
        thing = waiting.pop()
        if id(thing) in visited:
            continue
        visited.add(id(thing))
        for code, scope in _bodies(thing):
            names = _names(code)
            if names & _STARTS:
                return True
            waiting += [scope[name] for name in names if _is_ours(scope.get(name))]
    return False


def _bodies(thing: object) -> Iterator[tuple[types.CodeType, dict[str, object]]]:
    """Yield the code of a function, or of all methods of a class, with its module's names."""
    if isinstance(thing, type):
        for member in vars(thing).values():
            yield from _bodies(getattr(member, "__func__", member))
        return
    function = getattr(thing, "__wrapped__", thing)
    if isinstance(function, types.FunctionType):
        yield function.__code__, function.__globals__


@functools.cache
def _names(code: types.CodeType) -> frozenset[str]:
    """Return the global names and attributes of a body, with those of the functions inside it."""
    inside = (_names(c) for c in code.co_consts if isinstance(c, types.CodeType))
    return frozenset(code.co_names).union(*inside)


def _is_ours(thing: object) -> bool:
    if not isinstance(thing, (types.FunctionType, type)):
        return False
    return thing.__module__.partition(".")[0] == "tests"
