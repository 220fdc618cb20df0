"""Teams: Microsoft's token, what a body may not say by itself, activities, files."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.teams import ISSUER, OPENID, Account, Teams
from ingest.webhook import WebhookContext, WebhookRequest
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
    """Serves the Bot Framework's keys, and counts how often."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        if url == OPENID:
            return b'{"jwks_uri": "https://login.botframework.com/v1/.well-known/keys"}'
        return json.dumps(JWKS).encode()


def activity(kind: str = "message", **more: Any) -> bytes:
    told = {
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
    return json.dumps(told).encode()


def token(**more: Any) -> str:
    claims = {
        "iss": ISSUER,
        "aud": "app-1",
        "serviceurl": SERVICE.rstrip("/"),
        "nbf": int(NOW.timestamp()) - 60,
        "exp": int(NOW.timestamp()) + 3600,
    } | more
    return jwt.encode(claims, KEY, algorithm="RS256", headers={"kid": "k1"})


def call(raw: bytes, said: str = "") -> WebhookRequest:
    headers = {"content-type": "application/json", "authorization": f"Bearer {said or token()}"}
    return WebhookRequest(method="POST", path="/", query={}, headers=headers, body=raw)


def _parsed(raw: bytes) -> Parsed:
    (one,) = Teams().take(raw).deliveries
    return Teams().parse(
        Delivery(raw=one, account="a", received_at=NOW), Context(brand="d", settings=ACCOUNT)
    )


async def _receive(
    raw: bytes, said: str = "", now: datetime = NOW, hook: Teams | None = None, ms: Any = None
) -> Any:
    return await (hook or Teams()).receive(
        call(raw, said), ACCOUNT, WebhookContext(now=now, fetch=ms or Microsoft())
    )


async def test_a_token_of_microsofts_for_us_and_of_now_proves_the_call() -> None:
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
async def test_anything_else_is_refused(raw: bytes, claims: dict[str, Any], code: str) -> None:
    with pytest.raises(Rejected) as error:
        await _receive(raw, token(**claims))
    assert error.value.code == code


async def test_a_foreign_key_no_signature_and_another_algorithm_are_refused() -> None:
    other = rsa.generate_private_key(65537, 2048)
    claims = jwt.decode(token(), options={"verify_signature": False})
    for said in (
        jwt.encode(claims, other, algorithm="RS256", headers={"kid": "k1"}),
        jwt.encode(claims, other, algorithm="RS256", headers={"kid": "k2"}),
        jwt.encode(claims, "x" * 40, algorithm="HS256", headers={"kid": "k1"}),
        jwt.encode(claims, None, algorithm="none", headers={"kid": "k1"}),
        "a.b.c",
        "x",
    ):
        with pytest.raises(Rejected) as error:
            await _receive(activity(), said)
        assert error.value.code == "signature.wrong"


async def test_keys_are_kept_for_a_day_and_unknown_ones_asked_for_hourly() -> None:
    hook, ms = Teams(), Microsoft()
    for _ in range(3):
        await _receive(activity(), hook=hook, ms=ms)
    assert len(ms.asked) == 2
    unknown = jwt.encode({"iss": ISSUER}, KEY, algorithm="RS256", headers={"kid": "k9"})
    for minutes in (1, 2, 61, 62):
        with pytest.raises(Rejected):
            await _receive(activity(), unknown, NOW + timedelta(minutes=minutes), hook, ms)
    assert len(ms.asked) == 4, "once more, an hour later"

    tries: list[str] = []

    async def away(url: str) -> bytes:
        tries.append(url)
        raise Retry(30, "away")

    fresh = Teams()
    for _ in range(3):
        with pytest.raises(Retry):
            await _receive(activity(), hook=fresh, ms=away)
    assert len(tries) == 1, "strangers do not make us ask again and again"
    later = NOW + timedelta(hours=30)
    said = token(exp=int(later.timestamp()) + 60)
    assert (await _receive(activity(), said, later, hook, away)).deliveries, "yesterday's keys hold"


def test_a_page_of_markup_is_read_in_time() -> None:
    assert _parsed(activity(text="<at>" * 20_000)).message


def test_words_come_without_our_name_and_with_others() -> None:
    made = _parsed(activity()).message
    assert made.text == "kargom &amp; faturam Ali nerede"
    assert (made.sender.name, made.sender.handle("handle")) == ("Ayşe", "teams:aad-1")
    assert made.reply_to == f"{SERVICE.rstrip('/')}|19:k@thread;messageid=1732"
    rich = _parsed(
        activity(text="<p>kargom <b>gelmedi</b></p><p>bakın</p>", textFormat="xml")
    ).message
    assert "kargom gelmedi" in rich.text
    card = _parsed(activity(text=None, value={"siparis": "4711"})).message
    assert card.text == '{"siparis": "4711"}'


def test_edits_deletions_and_reactions_touch_their_message() -> None:
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
        made = _parsed(activity(kind, **more)).message
        assert made.event is not None
        assert (made.event.kind, made.event.of) == (event, first.id)
        assert made.conversation == first.conversation


@pytest.mark.parametrize("kind", ["conversationUpdate", "typing", "invoke", "installationUpdate"])
def test_what_is_no_message_is_told(kind: str) -> None:
    assert Teams().take(activity(kind)).ignored == (kind,)


async def test_shared_files_need_no_token_and_pictures_the_bots(vendor: Vendor) -> None:
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
    html = {"contentType": "text/html", "content": "<p>once more</p>"}
    made = _parsed(activity(attachments=[shared, picture, html]))
    assert [a.name for a in made.message.attachments] == ["fatura.pdf", "a.png"]
    assert [m.ref for m in made.media] == [
        "https://ornek.sharepoint.example/f",
        "inline:https://smba.trafficmanager.net/i",
    ]
    web = PublicClient()
    with pytest.raises(Rejected, match="app_password"):
        await Teams().fetch(made.media[1].ref, ACCOUNT, web)
    vendor.says("/botframework.com/oauth2/v2.0/token", {"access_token": "t"}, status=401)
    settings = replace_account(login=vendor.url)
    with pytest.raises(Retry, match="401"):
        await Teams().fetch(made.media[1].ref, settings, web)
    await web.close()


def replace_account(**more: Any) -> Account:
    return Account(app_id="app-1", app_password="p", **more)
