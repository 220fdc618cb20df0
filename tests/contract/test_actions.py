"""The contract of every action: strangers' words stay in their own fields of a request.

A new action is tested here as soon as it has a row in the registry and a place in
tests/support/workers/any_vendor.py. A row without a place fails.
"""

import json
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Rejected
from schemas.message import Handle, Party
from schemas.outcome import Reply
from tests.support.servers.vendor import VendorRequest
from tests.support.workers.any_vendor import (
    HOSTILE,
    PLACES,
    Anything,
    anything,
    outside_pieces,
    reply_at,
    requests_of,
    with_piece,
)
from workers.actions.outgoing_text import path_segment
from workers.actions.registry import ACTIONS

__all__ = ["anything"]


Shape = tuple[str, tuple[str, ...], str, frozenset[str]]
"""Method, segments of the path ("*" where one came from outside), query, names of the headers."""


def _shape(request: VendorRequest, outside: tuple[str, ...] = ()) -> Shape:
    path, _, query = request.path.partition("?")
    segments = tuple("*" if any(o in unquote(s) for o in outside) else s for s in path.split("/"))
    return request.method, segments, query, frozenset(request.headers)


def _fits(shape: Shape, expected: Shape) -> bool:
    method, segments, query, headers = shape
    if (method, query, headers) != (expected[0], expected[2], expected[3]):
        return False
    return len(segments) == len(expected[1]) and all(
        (k in ("*", s) and unquote(s) not in ("", ".", "..")) or s == k == ""
        for s, k in zip(segments, expected[1], strict=True)
    )


def _names(request: VendorRequest) -> set[str]:
    """Return the names of all fields in a body, with their depth."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/json"):
        return set(_keys(json.loads(request.body), ""))
    if kind.startswith("application/x-www-form-urlencoded"):
        return {k for k, _ in parse_qsl(request.body.decode(), keep_blank_values=True)}
    return set()


def _keys(value: object, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path}.{key}"
            yield from _keys(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner, f"{path}[]")


def test_every_action_has_its_places_here() -> None:
    assert PLACES.keys() == ACTIONS.keys()


@pytest.mark.parametrize("name", ACTIONS)
async def test_a_strangers_words_change_only_their_own_field_of_a_request(
    name: str, anything: Anything
) -> None:
    action, shapes, names = ACTIONS[name], [], set()
    for pieces in PLACES[name]:
        outside = tuple(pieces[n] for n in outside_pieces(pieces) if pieces[n] != "SERVICE")
        plain = await requests_of(action, reply_at(with_piece(pieces, -1, "", anything)), anything)
        assert plain or name == "reply_email"
        shapes += [_shape(request, outside) for request in plain]
        names |= {n for request in plain for n in _names(request)}
    tried: list[Reply] = []
    for hostile in HOSTILE:
        for pieces in PLACES[name]:
            for index in outside_pieces(pieces):
                tried.append(reply_at(with_piece(pieces, index, hostile, anything)))
        good = with_piece(PLACES[name][0], -1, "", anything)
        tried.append(reply_at(hostile))
        tried.append(
            reply_at(
                good,
                id=hostile,
                text=hostile,
                subject=hostile,
                in_reply_to=hostile,
                language=hostile,
                conversation=hostile,
                references=(f"{hostile}|{hostile}",) * 3,
                message=hostile,
                agent=hostile,
                recipient=Party(name=hostile, handles=(Handle(kind="email", value=hostile),)),
            )
        )
    for reply in tried:
        for request in await requests_of(action, reply, anything):
            shape = _shape(request)
            assert any(_fits(shape, k) for k in shapes), (
                reply.reply_to,
                request.method,
                request.path,
            )
            assert _names(request) <= names, (reply.reply_to, _names(request) - names)


@given(st.text(max_size=40) | st.sampled_from(HOSTILE))
def test_a_segment_is_one_or_none(value: str) -> None:
    try:
        segment = path_segment(value)
    except Rejected:
        return
    assert re.fullmatch(r"[A-Za-z0-9_.~%-]+", segment)
    assert segment not in (".", "..")
    assert unquote(segment) == value
