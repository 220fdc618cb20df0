"""Tokens of Microsoft's, activities and files of the Teams channel."""

import base64
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

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
from tests.support.json_body import JsonBody
from tests.support.samples.payloads import read_payload, with_fields
from tests.support.samples.registry import SAMPLES
from tests.support.servers.vendor import Vendor

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
KEY = rsa.generate_private_key(65537, 2048)
SERVICE = "https://smba.trafficmanager.net/emea/"
ACCOUNT = Account(app_id="app-1")
MESSAGE = read_payload("teams", "message")


def _encode_number(number: int) -> str:
    return (
        base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8))
        .decode()
        .rstrip("=")
    )


NUMBERS = KEY.public_key().public_numbers()
KEY_FIELDS = {"keys.0.n": _encode_number(NUMBERS.n), "keys.0.e": _encode_number(NUMBERS.e)}


class Microsoft:
    """Serves the Bot Framework's keys and records the requested addresses."""

    def __init__(self) -> None:
        self.requested: list[str] = []

    async def __call__(self, url: str) -> bytes:
        self.requested.append(url)
        if url == OPENID_URL:
            return await SAMPLES["teams"].fetch(url)
        return json.dumps(with_fields(read_payload("teams", "keys"), KEY_FIELDS)).encode()


def sign_token(**changes: object) -> str:
    claims = {
        "iss": ISSUER,
        "aud": "app-1",
        "serviceurl": SERVICE.rstrip("/"),
        "nbf": int(NOW.timestamp()) - 60,
        "exp": int(NOW.timestamp()) + 3600,
    } | changes
    return jwt.encode(claims, KEY, algorithm="RS256", headers={"kid": "k1"})


def build_call(activity: JsonBody, bearer: str = "") -> WebhookRequest:
    headers = {
        "content-type": "application/json",
        "authorization": f"Bearer {bearer or sign_token()}",
    }
    body = json.dumps(activity).encode()
    return WebhookRequest(method="POST", path="/", query={}, headers=headers, body=body)


def _take(activity: JsonBody) -> WebhookResult:
    return Teams().take(json.dumps(activity).encode())


def _parsed(activity: JsonBody) -> Parsed:
    (delivery,) = _take(activity).deliveries
    return Teams().parse(
        Delivery(raw=delivery, account="a", received_at=NOW), Context(brand="d", settings=ACCOUNT)
    )


async def _receive(
    activity: JsonBody,
    bearer: str = "",
    now: datetime = NOW,
    teams: Teams | None = None,
    fetch: Callable[[str], Awaitable[bytes]] | None = None,
) -> WebhookResult:
    return await (teams or Teams()).receive(
        build_call(activity, bearer), ACCOUNT, WebhookContext(now=now, fetch=fetch or Microsoft())
    )


async def test_a_valid_token_for_our_bot_proves_a_call() -> None:
    assert (await _receive(MESSAGE)).deliveries
    assert (await _receive(MESSAGE, sign_token(aud="api://app-1"))).deliveries
    without_slash = with_fields(MESSAGE, {"serviceUrl": SERVICE.rstrip("/")})
    assert (await _receive(without_slash)).deliveries


WRONG: list[tuple[JsonBody, dict[str, object], str]] = [
    (with_fields(MESSAGE, {"serviceUrl": "https://boese.example/"}), {}, "signature.wrong"),
    (with_fields(MESSAGE, {"channelId": "webchat"}), {}, "signature.wrong"),
    (MESSAGE, {"aud": "app-2"}, "signature.wrong"),
    (MESSAGE, {"iss": "https://boese.example"}, "signature.wrong"),
    (MESSAGE, {"serviceurl": None}, "signature.wrong"),
    (MESSAGE, {"exp": int(NOW.timestamp()) - 301}, "signature.stale"),
    (MESSAGE, {"nbf": int(NOW.timestamp()) + 301}, "signature.stale"),
]


@pytest.mark.parametrize(("activity", "claims", "code"), WRONG)
async def test_a_token_that_does_not_fit_the_call_is_refused(
    activity: JsonBody, claims: dict[str, object], code: str
) -> None:
    with pytest.raises(Rejected) as error:
        await _receive(activity, sign_token(**claims))
    assert error.value.code == code


async def test_another_key_or_algorithm_is_refused() -> None:
    other = rsa.generate_private_key(65537, 2048)
    claims = jwt.decode(sign_token(), options={"verify_signature": False})
    for bearer in (
        jwt.encode(claims, other, algorithm="RS256", headers={"kid": "k1"}),
        jwt.encode(claims, other, algorithm="RS256", headers={"kid": "k2"}),
        jwt.encode(claims, "x" * 40, algorithm="HS256", headers={"kid": "k1"}),
        jwt.encode(claims, None, algorithm="none", headers={"kid": "k1"}),
        "a.b.c",
        "x",
    ):
        with pytest.raises(Rejected) as error:
            await _receive(MESSAGE, bearer)
        assert error.value.code == "signature.wrong"


async def test_keys_last_a_day_and_an_unknown_key_causes_a_request_an_hour() -> None:
    teams, microsoft = Teams(), Microsoft()
    for _ in range(3):
        await _receive(MESSAGE, teams=teams, fetch=microsoft)
    assert len(microsoft.requested) == 2
    unknown = jwt.encode({"iss": ISSUER}, KEY, algorithm="RS256", headers={"kid": "k9"})
    for minutes in (1, 2, 61, 62):
        with pytest.raises(Rejected):
            await _receive(MESSAGE, unknown, NOW + timedelta(minutes=minutes), teams, microsoft)
    assert len(microsoft.requested) == 4, "the two documents again, an hour later"


async def test_strangers_cause_one_request_while_microsoft_is_away() -> None:
    requests: list[str] = []

    async def refuse(url: str) -> bytes:
        requests.append(url)
        raise Retry(30, "away")

    without_keys = Teams()
    for _ in range(3):
        with pytest.raises(Retry):
            await _receive(MESSAGE, teams=without_keys, fetch=refuse)
    assert len(requests) == 1


async def test_older_keys_prove_a_call_while_microsoft_is_away() -> None:
    async def refuse(url: str) -> bytes:
        raise Retry(30, f"{url} is away")

    teams = Teams()
    await _receive(MESSAGE, teams=teams)
    later = NOW + timedelta(hours=30)
    bearer = sign_token(exp=int(later.timestamp()) + 60)
    assert (await _receive(MESSAGE, bearer, later, teams, refuse)).deliveries


def test_a_page_of_open_tags_is_read_in_time() -> None:
    assert _parsed(with_fields(MESSAGE, {"text": "<at>" * 20_000})).message


def test_a_text_comes_without_mentions_of_our_bot() -> None:
    message = _parsed(read_payload("teams", "mentions")).message
    assert message.text == "kargom &amp; faturam Ali nerede"
    assert (message.sender.name, message.sender.handle("handle")) == ("Ayşe", "teams:aad-1")
    assert message.reply_to == f"{SERVICE.rstrip('/')}|19:k@thread;messageid=1732"
    rich = _parsed(read_payload("teams", "html_message")).message
    assert "kargom gelmedi" in rich.text
    card = _parsed(read_payload("teams", "submitted_card")).message
    assert card.text == '{"siparis": "4711"}'


def test_edits_deletions_and_reactions_name_their_message() -> None:
    first = _parsed(MESSAGE).message
    for name, event in (
        ("edited_message", "edited"),
        ("deleted_message", "deleted"),
        ("reaction", "reaction"),
    ):
        message = _parsed(read_payload("teams", name)).message
        assert message.event is not None
        assert (message.event.kind, message.event.of) == (event, first.id)
        assert message.conversation == first.conversation


@pytest.mark.parametrize("kind", ["conversationUpdate", "typing", "invoke", "installationUpdate"])
def test_another_activity_is_ignored_with_its_type(kind: str) -> None:
    assert _take(with_fields(MESSAGE, {"type": kind})).ignored == (kind,)


async def test_a_shared_file_needs_no_token_and_a_picture_the_bots(vendor: Vendor) -> None:
    parsed = _parsed(read_payload("teams", "shared_files"))
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
