"""A vendor that takes every request, and the replies that an action sends to it."""

import json
import re
from collections.abc import Iterator

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from runtime.clock import SystemClock
from schemas.errors import Rejected, Retry
from schemas.message import Party
from schemas.outcome import Reply
from tests.support.servers.vendor import Vendor, VendorAnswer, VendorRequest
from tests.support.workers.replies import pem
from workers.actions.protocol import Unconfirmed
from workers.actions.registry import AnyAction

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

    def answer(self, path: str) -> VendorAnswer | None:
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


_KEYS = {
    "reply_google_play": pem(rsa.generate_private_key(65537, 2048)),
    "reply_app_store": pem(ec.generate_private_key(ec.SECP256R1())),
}


_URLS = {"api", "url", "push_api", "pds", "login", "token_url"}


def account_at(action: AnyAction, url: str) -> msgspec.Struct:
    """Return an account whose every address is that vendor's."""
    settings: dict[str, object] = {}
    for field in msgspec.structs.fields(action.account):
        if field.name in _URLS:
            settings[field.name] = url
        elif field.name == "private_key":
            settings[field.name] = _KEYS[action.name]
        elif field.default == "":
            settings[field.name] = "k"
    if action.name == "reply_email":
        settings = {"host": "127.0.0.1", "port": 9, "tls": "none", "sender": "destek@ornek.example"}
    account: msgspec.Struct = action.account(**settings)
    return account


def reply_at(address: str, **changes: object) -> Reply:
    """Return a reply to an address, with some other fields."""
    reply = Reply(
        id="0f0e0d0c-0b0a-5908-8706-050403020100",
        kind="answer",
        brand="b",
        channel="x",
        source="x:a",
        conversation="0f0e0d0c-0b0a-5908-8706-050403020101",
        message="m",
        item="m",
        department="orders",
        recipient=Party(name="Ada"),
        reply_to=address,
        text="Siparişiniz yolda.",
        at=SystemClock().now(),
        language="tr",
        subject="Kargo",
        in_reply_to="11",
        references=("at://root|cr", "at://own|co"),
    )
    return msgspec.structs.replace(reply, **changes)


async def requests_of(action: AnyAction, reply: Reply, vendor: Anything) -> list[VendorRequest]:
    """Return the requests that the vendor got; an error beyond the actions' three fails."""
    vendor.forget()
    try:
        await action.send(reply, account_at(action, vendor.url), b"k")
    except (Rejected, Retry, Unconfirmed):
        pass
    return list(vendor.requests)


def with_piece(pieces: tuple[str, ...], index: int, other: str, vendor: Anything) -> str:
    changed = [other if n == index else piece for n, piece in enumerate(pieces)]
    return "".join(changed).replace("SERVICE", f"{vendor.url}/emea")


def outside_pieces(pieces: tuple[str, ...]) -> list[int]:
    """Return which pieces came from outside."""
    return [n for n, piece in enumerate(pieces) if not _FIXED.fullmatch(piece)]
