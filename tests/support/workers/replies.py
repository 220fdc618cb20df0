"""A reply to send, and an account of each channel at a vendor of the tests."""

from datetime import UTC, datetime

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from schemas.message import Party
from schemas.outcome import Reply
from tests.support.servers.vendor import Vendor
from workers.actions.registry import AnyAction, for_channel

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
REPLY = Reply(
    id="5f0c",
    kind="answer",
    brand="b",
    channel="x",
    source="x:a",
    conversation="c",
    message="m",
    item="m",
    department="orders",
    recipient=Party(),
    text="Siparişiniz yolda, ışık hızıyla.",
    at=NOW,
)

_URL_SETTINGS = {"mastodon": "url", "line": "push_api"}
_TOKENS = {"telegram": "1:AA"}


def reply_to(target: str, **changes: object) -> Reply:
    """Return the reply to a target, with other changes."""
    return msgspec.structs.replace(REPLY, reply_to=target, **changes)


def action_of(channel: str) -> AnyAction:
    """Return the action of a channel that has one."""
    action = for_channel(channel)
    assert action is not None
    return action


def account_for(
    channel: str, vendor: Vendor, **settings: object
) -> tuple[AnyAction, msgspec.Struct]:
    """Return a messenger's action and its account at the vendor."""
    action = action_of(channel)
    if channel == "twilio":
        return action, action.account(account_sid="AC1", auth_token="t", api=vendor.url)
    token = _TOKENS.get(channel, "t")
    url = {_URL_SETTINGS.get(channel, "api"): vendor.url}
    return action, action.account(token=token, **url, **settings)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """Return a private key as a settings file has it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
