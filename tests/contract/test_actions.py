"""The contract of every action: strangers' words stay plain words in its requests.

A new action is tested here as soon as it has a row in the registry and a place below. A row without
a place, or without a note on how its vendor reads a text, fails.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from runtime.clock import SystemClock
from schemas.errors import Rejected, Retry
from schemas.message import Handle, Party
from schemas.outcome import Reply
from tests.support.servers import Answers, Asked, Vendor
from workers.actions.outgoing_text import as_markdown, path_segment, without_mentions
from workers.actions.protocol import Unconfirmed
from workers.actions.registry import ACTIONS, AnyAction

PLACES: dict[str, list[tuple[str, ...]]] = {
    "reply_email": [("ada", "@ornek.example")],
    "reply_whatsapp": [
        ("7701", "/", "905321112233"),
        ("7701", "/", "TR.134"),
        ("7701", "/group:", "g12"),
    ],
    "reply_telegram": [("501", "/", "5", "/", "b100"), ("501", "/dm", "5", "/", "b100")],
    "reply_messenger": [("9001", "/", "3101"), ("comment:", "p2200")],
    "reply_instagram": [
        ("9001", "/", "3101"),
        ("comment:", "p2200"),
        ("mention:", "1701", "/", "m100", "/", "c100"),
    ],
    "reply_slack": [("C100", "/", "100.5")],
    "reply_teams": [("SERVICE", "|", "19:kanal")],
    "reply_viber": [("v100==",)],
    "reply_line": [("U100",)],
    "reply_twilio": [("+1555", "/", "+90532")],
    "reply_bluesky": [("at://own",)],
    "reply_mastodon": [("1100", "|", "ayse@x.example", "|", "direct")],
    "reply_x": [("5000",)],
    "reply_discourse": [("3300", "|", "2200")],
    "reply_sikayetvar": [("1100",)],
    "reply_trendyol": [("1100",)],
    "reply_hepsiburada": [("1100",)],
    "reply_google_play": [("r1100",)],
    "reply_app_store": [("r1100",)],
    "reply_google_business": [("accounts/", "1100", "/locations/", "2200", "/reviews/", "r3300")],
    "reply_youtube": [("c1100",)],
    "reply_reddit": [("t1_a100",)],
    "reply_trustpilot": [("r1100",)],
}
"""Where each action's answers go, in pieces: those of letters and digits came from a vendor."""

HOSTILE = (
    "../../../v1/kotu",
    "a\r\nX-Kotu: 1\r\n\r\n{}",
    "a?b=c&d=e#f",
    "%2e%2e%2fkotu",
    '","kotu":{"a":1},"x":"',
    "²\u2028\x00\u202e@everyone",
)

_FIXED = re.compile(r"[A-Za-z]+[:/]|[/|:@.]+|/\w+[:/]|/dm|@ornek\.example")


class Anything(Vendor):
    """A vendor that takes whatever it is sent."""

    def answer(self, path: str) -> Answers | None:
        """Return what any of them would take for success."""
        body = {
            "access_token": "t",
            "accessJwt": "t",
            "did": "did:plc:m",
            "ok": True,
            "id": "1",
            "status": 0,
            "json": {"errors": []},
        }
        return 200, {}, json.dumps(body).encode()


@pytest.fixture(scope="module")
def anything() -> Iterator[Anything]:
    """That vendor."""
    vendor = Anything()
    vendor.start()
    yield vendor
    vendor.stop()


def _pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


_KEYS = {
    "reply_google_play": _pem(rsa.generate_private_key(65537, 2048)),
    "reply_app_store": _pem(ec.generate_private_key(ec.SECP256R1())),
}
_URLS = {"api", "url", "push_api", "pds", "login", "token_url"}


def _account(action: AnyAction, url: str) -> Any:
    """Return an account whose every address is that vendor's."""
    settings: dict[str, Any] = {}
    for field in msgspec.structs.fields(action.account):
        if field.name in _URLS:
            settings[field.name] = url
        elif field.name == "private_key":
            settings[field.name] = _KEYS[action.name]
        elif field.default == "":
            settings[field.name] = "k"
    if action.name == "reply_email":
        settings = {"host": "127.0.0.1", "port": 9, "tls": "none", "sender": "destek@ornek.example"}
    return action.account(**settings)


def _reply(address: str, **more: Any) -> Reply:
    fields: dict[str, Any] = {
        "id": "0f0e0d0c-0b0a-5908-8706-050403020100",
        "kind": "answer",
        "brand": "b",
        "channel": "x",
        "source": "x:a",
        "conversation": "0f0e0d0c-0b0a-5908-8706-050403020101",
        "message": "m",
        "item": "m",
        "department": "orders",
        "recipient": Party(name="Ada"),
        "reply_to": address,
        "text": "Siparişiniz yolda.",
        "at": SystemClock().now(),
        "language": "tr",
        "subject": "Kargo",
        "in_reply_to": "11",
        "references": ("at://root|cr", "at://own|co"),
    }
    return Reply(**(fields | more))


async def _sent(action: AnyAction, reply: Reply, vendor: Anything) -> list[Asked]:
    """Return what the vendor was asked; whatever else is raised than the actions' three fails."""
    vendor.forget()
    try:
        await action.send(reply, _account(action, vendor.url), b"k")
    except (Rejected, Retry, Unconfirmed):
        pass
    return list(vendor.asked)


def _with(pieces: tuple[str, ...], index: int, other: str, vendor: Anything) -> str:
    changed = [other if n == index else piece for n, piece in enumerate(pieces)]
    return "".join(changed).replace("SERVICE", f"{vendor.url}/emea")


def _variable(pieces: tuple[str, ...]) -> list[int]:
    """Return which pieces came from outside."""
    return [n for n, piece in enumerate(pieces) if not _FIXED.fullmatch(piece)]


Shape = tuple[str, tuple[str, ...], str, frozenset[str]]
"""Method, segments of the path ("*" where one came from outside), query, names of the headers."""


def _shape(request: Asked, outside: tuple[str, ...] = ()) -> Shape:
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


def _names(request: Asked) -> set[str]:
    """Return the names of all fields in a body, with their depth."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/json"):
        return set(_keys(json.loads(request.body), ""))
    if kind.startswith("application/x-www-form-urlencoded"):
        return {k for k, _ in parse_qsl(request.body.decode(), keep_blank_values=True)}
    return set()


def _keys(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path}.{key}"
            yield from _keys(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner, f"{path}[]")


def test_every_action_has_its_places_here() -> None:
    assert PLACES.keys() == ACTIONS.keys()
    assert READS.keys() == ACTIONS.keys()


@pytest.mark.parametrize("name", ACTIONS)
async def test_what_strangers_wrote_changes_no_request_but_in_its_own_place(
    name: str, anything: Anything
) -> None:
    action, shapes, names = ACTIONS[name], [], set()
    for pieces in PLACES[name]:
        outside = tuple(pieces[n] for n in _variable(pieces) if pieces[n] != "SERVICE")
        plain = await _sent(action, _reply(_with(pieces, -1, "", anything)), anything)
        assert plain or name == "reply_email"
        shapes += [_shape(request, outside) for request in plain]
        names |= {n for request in plain for n in _names(request)}
    tried: list[Reply] = []
    for hostile in HOSTILE:
        for pieces in PLACES[name]:
            for index in _variable(pieces):
                tried.append(_reply(_with(pieces, index, hostile, anything)))
        good = _with(PLACES[name][0], -1, "", anything)
        tried.append(_reply(hostile))
        tried.append(
            _reply(
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
        for request in await _sent(action, reply, anything):
            shape = _shape(request)
            assert any(_fits(shape, k) for k in shapes), (
                reply.reply_to,
                request.method,
                request.path,
            )
            assert _names(request) <= names, (reply.reply_to, _names(request) - names)


def _words(request: Asked) -> str:
    """Return every text of a request's body, one after the other."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/json"):
        return "\n".join(_texts(json.loads(request.body)))
    if kind.startswith("application/x-www-form-urlencoded"):
        return "\n".join(v for _, v in parse_qsl(request.body.decode()))
    return request.body.decode()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from _texts(inner)


MARKUP = (
    "@everyone @channel @here @[1234] selam @kotu@kotu.example <!channel> <@U1> <b>kalın</b> "
    "<http://kotu.example|tıkla> [tıkla](http://kotu.example) ![x](http://kotu.example/p.png) u/biri /u/biri "
    "**k** `kod`\n# başlık\n> alıntı\n- liste\n<a href='http://kotu.example'>tıkla</a>"
)
_PING = re.compile(r"(?<![A-Za-z0-9_])[@\uff20][\w\[]")


def _no_ping(words: str) -> None:
    assert not _PING.findall(words.replace("@ayse@x.example", ""))


def _no_tags(words: str) -> None:
    assert "<" not in words
    assert ">" not in words


def _no_markdown(words: str) -> None:
    assert not re.search(r"(?<!\\)[\[\]<>()*`]", words)
    assert not re.search(r"^[#>-]", words, re.MULTILINE)


def _no_ping_or_markdown(words: str) -> None:
    _no_ping(words)
    _no_markdown(words)


def _no_reddit_ping_or_markdown(words: str) -> None:
    assert not re.search(r"\bu/\w", words)
    _no_markdown(words)


def _plain(words: str) -> None:
    assert MARKUP in words, "a plain text arrives as it was written"


READS: dict[str, Callable[[str], None] | None] = {
    "reply_email": None,
    "reply_whatsapp": _plain,
    "reply_viber": _plain,
    "reply_line": _plain,
    "reply_twilio": _plain,
    "reply_bluesky": _plain,
    "reply_teams": _plain,
    "reply_sikayetvar": _plain,
    "reply_trendyol": _plain,
    "reply_hepsiburada": None,
    "reply_google_play": _plain,
    "reply_app_store": _plain,
    "reply_google_business": _plain,
    "reply_trustpilot": _plain,
    "reply_slack": _no_tags,
    "reply_telegram": _no_ping,
    "reply_mastodon": _no_ping,
    "reply_x": _no_ping,
    "reply_youtube": _no_ping,
    "reply_messenger": None,
    "reply_instagram": None,
    "reply_discourse": _no_ping_or_markdown,
    "reply_reddit": _no_reddit_ping_or_markdown,
}
"""The check of a text for each vendor's way of reading; None when it has a separate test."""


@pytest.mark.parametrize("name", [n for n, check in READS.items() if check is not None])
async def test_a_quoted_text_pings_nobody_and_brings_no_links_or_tags(
    name: str, anything: Anything
) -> None:
    check = READS[name]
    assert check is not None
    address = _with(PLACES[name][0], -1, "", anything)
    requests = (await _sent(ACTIONS[name], _reply(address, text=MARKUP), anything))[-1]
    check(_words(requests))


@pytest.mark.parametrize("name", ["reply_messenger", "reply_instagram"])
async def test_a_comment_in_public_pings_nobody(name: str, anything: Anything) -> None:
    (request,) = await _sent(ACTIONS[name], _reply("comment:p22", text=MARKUP), anything)
    _no_ping(_words(request))
    (request,) = await _sent(ACTIONS[name], _reply("90/31", text=MARKUP), anything)
    _plain(_words(request))


def test_only_the_customer_is_named_where_the_answer_names_them() -> None:
    assert without_mentions("@ada, @eve ve x@y.example", keep="ada") == (
        "@ada, @\u2060eve ve x@y.example"
    )


def test_an_address_that_is_shown_may_be_followed() -> None:
    assert as_markdown("bkz. https://marka.example/a_b?c=1 *") == (
        "bkz. https://marka.example/a_b?c=1 \\*"
    )
    assert as_markdown("1. x\n    y\n=== ") == "1\\. x\n\u00a0\u00a0\u00a0\u00a0y\n\\=== "


@given(st.text(max_size=40) | st.sampled_from(HOSTILE))
def test_a_segment_is_one_or_none(value: str) -> None:
    try:
        segment = path_segment(value)
    except Rejected:
        return
    assert re.fullmatch(r"[A-Za-z0-9_.~%-]+", segment)
    assert segment not in (".", "..")
    assert unquote(segment) == value
