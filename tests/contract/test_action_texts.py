"""The contract of every action: a quoted text notifies nobody and brings no markup.

A row of the registry without a note on how its vendor reads a text fails.
"""

import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl

import pytest

from tests.support.servers.vendor import VendorRequest
from tests.support.workers.any_vendor import (
    PLACES,
    Anything,
    anything,
    reply_at,
    requests_of,
    with_piece,
)
from workers.actions.outgoing_text import as_markdown, without_mentions
from workers.actions.registry import ACTIONS

__all__ = ["anything"]


def _words(request: VendorRequest) -> str:
    """Return every text of a request's body, one after the other."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/json"):
        return "\n".join(_texts(json.loads(request.body)))
    if kind.startswith("application/x-www-form-urlencoded"):
        return "\n".join(v for _, v in parse_qsl(request.body.decode()))
    return request.body.decode()


def _texts(value: object) -> Iterator[str]:
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


def test_every_action_has_its_way_of_reading_here() -> None:
    assert READS.keys() == ACTIONS.keys()


@pytest.mark.parametrize("name", [n for n, check in READS.items() if check is not None])
async def test_a_quoted_text_pings_nobody_and_brings_no_links_or_tags(
    name: str, anything: Anything
) -> None:
    check = READS[name]
    assert check is not None
    address = with_piece(PLACES[name][0], -1, "", anything)
    requests = (await requests_of(ACTIONS[name], reply_at(address, text=MARKUP), anything))[-1]
    check(_words(requests))


@pytest.mark.parametrize("name", ["reply_messenger", "reply_instagram"])
async def test_a_comment_in_public_pings_nobody(name: str, anything: Anything) -> None:
    (request,) = await requests_of(ACTIONS[name], reply_at("comment:p22", text=MARKUP), anything)
    _no_ping(_words(request))
    (request,) = await requests_of(ACTIONS[name], reply_at("90/31", text=MARKUP), anything)
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
