"""Tokens of Microsoft's, activities and files of the Teams channel."""

import base64
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.teams import Teams
from ingest.channels.teams.account import Account
from ingest.channels.teams.proof import ISSUER, OPENID_URL
from ingest.webhook import WebhookContext, WebhookRequest, WebhookResult
from runtime.http.public_client import PublicClient
from schemas.errors import Rejected, Retry
from tests.support.servers.vendor import Vendor

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
KEY = rsa.generate_private_key(65537, 2048)
SERVICE = "https://smba.trafficmanager.net/emea/"
ACCOUNT = Account(app_id="app-1")


def _b64(number: int) -> str:
    return (
        base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8))
        .decode()
        .rstrip("=")
    )


NUMBERS = KEY.public_key().public_numbers()
JWKS = {
    "keys": [
        {
            "kid": "k1",
            "kty": "RSA",
            "n": _b64(NUMBERS.n),
            "e": _b64(NUMBERS.e),
            "endorsements": ["msteams"],
        }
    ]
}


class Microsoft:
    """Serves the Bot Framework's keys and records the requested addresses."""

    def __init__(self) -> None:
        self.requested: list[str] = []

    async def __call__(self, url: str) -> bytes:
        self.requested.append(url)
        if url == OPENID_URL:
            return b'{"jwks_uri": "https://login.botframework.com/v1/.well-known/keys"}'
        return json.dumps(JWKS).encode()


def activity(kind: str = "message", **more: Any) -> bytes:
    body = {
        "type": kind,
        "id": "1732",
        "timestamp": "2026-11-20T09:00:00Z",
        "serviceUrl": SERVICE,
        "channelId": "msteams",
        "from": {"id": "29:x", "name": "Ayşe", "aadObjectId": "aad-1"},
        "recipient": {"id": "28:bot", "name": "Destek"},
        "conversation": {"id": "19:k@thread;messageid=1732", "conversationType": "channel"},
        "text": "<at>Destek</at> kargom &amp; faturam <at>Ali</at> nerede",
    } | more
    return json.dumps(body).encode()


def token(**more: Any) -> str:
    claims = {
        "iss": ISSUER,
        "aud": "app-1",
        "serviceurl": SERVICE.rstrip("/"),
        "nbf": int(NOW.timestamp()) - 60,
        "exp": int(NOW.timestamp()) + 3600,
    } | more
    return jwt.encode(claims, KEY, algorithm="RS256", headers={"kid": "k1"})


def call(raw: bytes, bearer: str = "") -> WebhookRequest:
    headers = {"content-type": "application/json", "authorization": f"Bearer {bearer or token()}"}
    return WebhookRequest(method="POST", path="/", query={}, headers=headers, body=raw)


def _parsed(raw: bytes) -> Parsed:
    (delivery,) = Teams().take(raw).deliveries
    return Teams().parse(
        Delivery(raw=delivery, account="a", received_at=NOW), Context(brand="d", settings=ACCOUNT)
    )


async def _receive(
    raw: bytes,
    bearer: str = "",
    now: datetime = NOW,
    teams: Teams | None = None,
    fetch: Callable[[str], Awaitable[bytes]] | None = None,
) -> WebhookResult:
    return await (teams or Teams()).receive(
        call(raw, bearer), ACCOUNT, WebhookContext(now=now, fetch=fetch or Microsoft())
    )


async def test_a_valid_token_for_our_bot_proves_a_call() -> None:
    assert (await _receive(activity())).deliveries
    assert (await _receive(activity(), token(aud="api://app-1"))).deliveries
    assert (await _receive(activity(serviceUrl=SERVICE.rstrip("/")))).deliveries


WRONG: list[tuple[bytes, dict[str, Any], str]] = [
    (activity(serviceUrl="https://boese.example/"), {}, "signature.wrong"),
    (activity(channelId="webchat"), {}, "signature.wrong"),
    (activity(), {"aud": "app-2"}, "signature.wrong"),
    (activity(), {"iss": "https://boese.example"}, "signature.wrong"),
    (activity(), {"serviceurl": None}, "signature.wrong"),
    (activity(), {"exp": int(NOW.timestamp()) - 301}, "signature.stale"),
    (activity(), {"nbf": int(NOW.timestamp()) + 301}, "signature.stale"),
]


@pytest.mark.parametrize(("raw", "claims", "code"), WRONG)
async def test_a_token_that_does_not_fit_the_call_is_refused(
    raw: bytes, claims: dict[str, Any], code: str
) -> None:
    with pytest.raises(Rejected) as error:
        await _receive(raw, token(**claims))
    assert error.value.code == code


async def test_another_key_or_algorithm_is_refused() -> None:
    other = rsa.generate_private_key(65537, 2048)
    claims = jwt.decode(token(), options={"verify_signature": False})
    for bearer in (
        jwt.encode(claims, other, algorithm="RS256", headers={"kid": "k1"}),
        jwt.encode(claims, other, algorithm="RS256", headers={"kid": "k2"}),
        jwt.encode(claims, "x" * 40, algorithm="HS256", headers={"kid": "k1"}),
        jwt.encode(claims, None, algorithm="none", headers={"kid": "k1"}),
        "a.b.c",
        "x",
    ):
        with pytest.raises(Rejected) as error:
            await _receive(activity(), bearer)
        assert error.value.code == "signature.wrong"


async def test_keys_last_a_day_and_an_unknown_key_causes_a_request_an_hour() -> None:
    teams, microsoft = Teams(), Microsoft()
    for _ in range(3):
        await _receive(activity(), teams=teams, fetch=microsoft)
    assert len(microsoft.requested) == 2
    unknown = jwt.encode({"iss": ISSUER}, KEY, algorithm="RS256", headers={"kid": "k9"})
    for minutes in (1, 2, 61, 62):
        with pytest.raises(Rejected):
            await _receive(activity(), unknown, NOW + timedelta(minutes=minutes), teams, microsoft)
    assert len(microsoft.requested) == 4, "the two documents again, an hour later"


async def test_strangers_cause_one_request_while_microsoft_is_away() -> None:
    requests: list[str] = []

    async def refuse(url: str) -> bytes:
        requests.append(url)
        raise Retry(30, "away")

    without_keys = Teams()
    for _ in range(3):
        with pytest.raises(Retry):
            await _receive(activity(), teams=without_keys, fetch=refuse)
    assert len(requests) == 1


async def test_older_keys_prove_a_call_while_microsoft_is_away() -> None:
    async def refuse(url: str) -> bytes:
        raise Retry(30, f"{url} is away")

    teams = Teams()
    await _receive(activity(), teams=teams)
    later = NOW + timedelta(hours=30)
    bearer = token(exp=int(later.timestamp()) + 60)
    assert (await _receive(activity(), bearer, later, teams, refuse)).deliveries


def test_a_page_of_open_tags_is_read_in_time() -> None:
    assert _parsed(activity(text="<at>" * 20_000)).message


def test_a_text_comes_without_mentions_of_our_bot() -> None:
    message = _parsed(activity()).message
    assert message.text == "kargom &amp; faturam Ali nerede"
    assert (message.sender.name, message.sender.handle("handle")) == ("Ayşe", "teams:aad-1")
    assert message.reply_to == f"{SERVICE.rstrip('/')}|19:k@thread;messageid=1732"
    rich = _parsed(
        activity(text="<p>kargom <b>gelmedi</b></p><p>bakın</p>", textFormat="xml")
    ).message
    assert "kargom gelmedi" in rich.text
    card = _parsed(activity(text=None, value={"siparis": "4711"})).message
    assert card.text == '{"siparis": "4711"}'


def test_edits_deletions_and_reactions_name_their_message() -> None:
    first = _parsed(activity()).message
    for kind, more, event in (
        ("messageUpdate", {}, "edited"),
        ("messageDelete", {}, "deleted"),
        (
            "messageReaction",
            {"id": "f:1", "replyToId": "1732", "reactionsAdded": [{"type": "like"}]},
            "reaction",
        ),
    ):
        message = _parsed(activity(kind, **more)).message
        assert message.event is not None
        assert (message.event.kind, message.event.of) == (event, first.id)
        assert message.conversation == first.conversation


@pytest.mark.parametrize("kind", ["conversationUpdate", "typing", "invoke", "installationUpdate"])
def test_another_activity_is_ignored_with_its_type(kind: str) -> None:
    assert Teams().take(activity(kind)).ignored == (kind,)


async def test_a_shared_file_needs_no_token_and_a_picture_the_bots(vendor: Vendor) -> None:
    shared = {
        "contentType": "application/vnd.microsoft.teams.file.download.info",
        "name": "fatura.pdf",
        "content": {"downloadUrl": "https://ornek.sharepoint.example/f", "fileType": "pdf"},
    }
    picture = {
        "contentType": "image/png",
        "contentUrl": "https://smba.trafficmanager.net/i",
        "name": "a.png",
    }
    html = {"contentType": "text/html", "content": "<p>again</p>"}
    parsed = _parsed(activity(attachments=[shared, picture, html]))
    assert [a.name for a in parsed.message.attachments] == ["fatura.pdf", "a.png"]
    assert [m.ref for m in parsed.media] == [
        "https://ornek.sharepoint.example/f",
        "inline:https://smba.trafficmanager.net/i",
    ]
    web = PublicClient()
    with pytest.raises(Rejected, match="app_password"):
        await Teams().fetch(parsed.media[1].ref, ACCOUNT, web)
    vendor.says("/botframework.com/oauth2/v2.0/token", {"access_token": "t"}, status=401)
    settings = bot_account(login=vendor.url)
    with pytest.raises(Retry, match="401"):
        await Teams().fetch(parsed.media[1].ref, settings, web)
    await web.close()


def bot_account(**settings: str) -> Account:
    return Account(app_id="app-1", app_password="p", **settings)
