"""What every channel and every webhook promises, whichever it is: one suite for all of them.

A new channel or hook is tested here as soon as it has its row in the registry and its samples
below (or in its own test file); a row without samples fails.
"""

import importlib
import json
import logging
import re
import time
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.phone import Account as PhoneAccount
from ingest.parsing.letters.composition import compose
from ingest.parsing.letters.repair import repair_letters
from ingest.registry import CHANNELS, WEBHOOKS, channel_of
from ingest.webhook import WebhookContext, WebhookRequest
from schemas import envelope
from schemas.errors import CODES, Rejected, Retry
from schemas.message import MESSAGE_LIMIT, Message, truncate_to_limit
from tests.ingest.webhooks import test_mail as mail_hooks
from tests.support.paths import ROOT

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
SECRET = "gizli-soz-4711"

SAMPLES: dict[str, bytes] = {
    "email": f"From: Ada <ada@ornek.example>\r\nMessage-ID: <1@x>\r\n\r\n{SECRET} faturam yanlış".encode(),
    "api": json.dumps(
        {
            "native_id": "1",
            "text": f"{SECRET} faturam yanlış",
            "sender": {"email": "ada@ornek.example"},
        }
    ).encode(),
    "chat": json.dumps(
        {"session": "s1", "line": {"type": "message", "id": "1", "text": f"{SECRET} faturam"}}
    ).encode(),
}
CALLS: dict[str, tuple[Callable[..., WebhookRequest], Any]] = {
    h().name: (call, mail_hooks.ACCOUNT) for h, call in mail_hooks.VENDORS
}
FETCHES: dict[str, Any] = {}
CALLS["calls"] = (
    lambda: WebhookRequest(
        method="POST",
        path="/",
        query={},
        body="Müşteri: faturam\nMT: buyurun".encode(),
        headers={"content-type": "text/plain", "x-webhook-secret": "sir-calls"},
    ),
    PhoneAccount(secret="sir-calls"),
)
for _file in sorted((Path(__file__).parent.parent / "ingest" / "channels").glob("test_*.py")):
    # A channel's test file gives SAMPLE (a delivery that says SECRET), and of a hook CALL and
    # ACCOUNT: the call of a vendor that signed it with that account's secret.
    _own: Any = importlib.import_module(f"tests.ingest.channels.{_file.stem}")
    SAMPLES[_file.stem.removeprefix("test_")] = _own.SAMPLE.replace(b"SECRET", SECRET.encode())
    if hasattr(_own, "CALL"):
        CALLS[_file.stem.removeprefix("test_")] = (_own.CALL, _own.ACCOUNT)
    if hasattr(_own, "FETCH"):
        FETCHES[_file.stem.removeprefix("test_")] = _own.FETCH


def _parse(name: str, raw: bytes, account: str = "a") -> Parsed:
    channel = CHANNELS[name]
    context = Context(brand="default", settings=channel.account(), signing_key=b"k")
    return channel.parse(Delivery(raw=raw, account=account, received_at=NOW), context)


def test_every_row_of_the_registry_has_samples_here() -> None:
    assert SAMPLES.keys() == CHANNELS.keys()
    assert CALLS.keys() == WEBHOOKS.keys()
    assert all(WEBHOOKS[name].channel in CHANNELS for name in WEBHOOKS)
    assert all(channel_of(name) for name in (*CHANNELS, *WEBHOOKS))


@pytest.mark.parametrize("name", CHANNELS)
def test_the_same_delivery_is_the_same_message(name: str) -> None:
    first, again = (_parse(name, SAMPLES[name]).message for _ in range(2))
    assert first == again
    assert first.id != _parse(name, SAMPLES[name], account="b").message.id or name == "chat"


@pytest.mark.parametrize("name", CHANNELS)
def test_a_message_is_whole_and_survives_the_coder(name: str) -> None:
    made = _parse(name, SAMPLES[name]).message
    assert (made.channel, made.brand, made.received_at) == (name, "default", NOW)
    assert made.source == f"{name}:a"
    assert SECRET in made.text
    assert SECRET in made.full_text
    assert envelope.decode(Message, envelope.encode(made)) == made


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (unicodedata.normalize("NFD", "İade için şikâyet"), None),
        ("i\u0307ade için şikâyet", None),
        ("Ýade için þikâyet edeceðim, sipariþim hâlâ gelmedi", "text.mojibake"),
    ],
)
def test_every_channels_text_is_composed_and_turkish(
    name: str, typed: str, code: str | None
) -> None:
    raw = SAMPLES[name].replace(SECRET.encode(), typed.encode())
    made = repair_letters(_parse(name, raw).message)
    assert "ade için şikâyet" in made.text
    assert made.text == compose(made.text)
    assert made.full_text == compose(made.full_text)
    assert (code in made.repaired) == (code is not None)
    if code:
        assert typed in made.full_text


@pytest.mark.parametrize("name", CHANNELS)
@given(
    raw=st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8),
            lambda x: (
                st.lists(x, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "native_id",
                            "text",
                            "sender",
                            "session",
                            "line",
                            "id",
                            "subject",
                            "attachments",
                        ]
                    ),
                    x,
                    max_size=4,
                )
            ),
            max_leaves=12,
        ).map(lambda x: json.dumps(x).encode()),
    )
)
def test_no_input_raises_anything_but_rejected(name: str, raw: bytes) -> None:
    try:
        _parse(name, raw)
    except Rejected as error:
        assert error.code in CODES


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize("shape", ["long", "deep", "wide"])
def test_a_large_or_deep_input_is_bounded(name: str, shape: str) -> None:
    size = 2_000_000
    sample = SAMPLES[name]
    raw = {
        "long": sample.replace(b"faturam", b"faturam " * (size // 8)),
        "deep": b"[" * (size // 2) + b"]" * (size // 2),
        "wide": b"{" + b",".join(b'"k%d":1' % n for n in range(size // 12)) + b"}",
    }[shape]
    began = time.process_time()
    try:
        made = _parse(name, raw).message
        assert len(msgspec.json.encode(truncate_to_limit(made))) <= MESSAGE_LIMIT
    except Rejected as error:
        assert len(error.text) < 2000
    assert time.process_time() - began < 10, "not a measure: only what never ends is caught"


@pytest.mark.parametrize("name", CHANNELS)
def test_the_customers_words_reach_no_log(
    name: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        _parse(name, SAMPLES[name])
        with pytest.raises(Rejected) as error:
            _parse(name, b"")
    out = capsys.readouterr()
    assert SECRET not in caplog.text + out.out + out.err + error.value.text


async def _receive(name: str, call: WebhookRequest, settings: Any, now: datetime = NOW) -> Any:
    tools = WebhookContext(now=now, fetch=FETCHES.get(name) or mail_hooks.CertificateServer())
    # A new one each time: what one call left behind must not help the next.
    return await type(WEBHOOKS[name])().receive(call, settings, tools)


@pytest.mark.parametrize("name", WEBHOOKS)
async def test_a_proven_call_gives_messages_of_its_channel(name: str) -> None:
    make, settings = CALLS[name]
    taken = await _receive(name, make(), settings)
    assert taken.deliveries
    assert 200 <= taken.response.status < 300
    for raw in taken.deliveries:
        delivery = Delivery(raw=raw, account="a", received_at=NOW)
        context = Context(brand="default", settings=settings)
        assert CHANNELS[WEBHOOKS[name].channel].parse(delivery, context).message.text


@pytest.mark.parametrize("name", WEBHOOKS)
async def test_a_call_without_its_proof_is_refused(name: str) -> None:
    make, settings = CALLS[name]
    call = make()
    bare = {k: v for k, v in call.headers.items() if k == "content-type"}
    empty = CHANNELS[WEBHOOKS[name].channel].account()
    tries = (
        (replace(call, headers=bare, body=b""), settings),
        (replace(call, body=b"{}"), settings),
        (call, empty),
    )
    for bad, with_settings in tries:
        # A secret in a header proves whatever body comes with it: of that one nothing is made.
        try:
            await _receive(name, bad, with_settings)
        except Rejected as error:
            assert error.code.startswith(("signature.", "form.", "json.")), error.code
        except Retry:
            continue
        else:
            assert bad.body == b"{}"
            assert name in _UNSIGNED


@pytest.mark.parametrize("name", WEBHOOKS)
async def test_a_body_that_somebody_wrote_anew_is_not_the_vendors(name: str) -> None:
    make, settings = CALLS[name]
    call = make()
    if name in _UNSIGNED:
        return
    for body in (call.body + b" ", call.body.replace(b"a", b"b", 1), _rewritten(call.body)):
        if body == call.body:
            continue
        with pytest.raises(Rejected) as error:
            await _receive(name, replace(call, body=body), settings)
        assert error.value.code.startswith(("signature.", "json.", "form.")), error.value.code


_UNSIGNED = {"calls", "telegram", "teams", "postmark", "mailgun", "ses"}
"""Hooks whose proof does not cover the bytes of the body, by their vendors' design."""


_PROVEN_IN_THE_BODY = {"mailgun", "ses"}
"""Hooks whose proof is in the body, beside the words."""


class _EveryName(dict[str, str]):
    """A query, or headers, in which every name has the same value."""

    def __init__(self, value: str, **known: str) -> None:
        super().__init__(known)
        self._value = value

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name, self._value)

    def __missing__(self, name: str) -> str:
        return self._value


@pytest.mark.parametrize("name", WEBHOOKS)
async def test_no_answer_to_a_stranger_proves_a_call(name: str) -> None:
    """A caller who has words signed under any name can't send those words as the vendor."""
    make, settings = CALLS[name]
    call = make()
    forged = call.body.replace(b"faturam", b"sahte")
    asked = forged.decode("latin-1")
    kind = call.headers.get("content-type", "")
    if name in _PROVEN_IN_THE_BODY:
        return
    answers = []
    for method in ("GET", "POST"):
        for headers in (_EveryName(asked), _EveryName("", **{"content-type": kind})):
            question = WebhookRequest(
                method=method,
                path=call.path,
                query=_EveryName(asked),
                headers=headers,
                body=b"" if method == "GET" else forged,
            )
            try:
                answers.append((await _receive(name, question, settings)).response.body.decode())
            except (Rejected, Retry) as error:
                answers.append(str(error))
    for answer in answers:
        for word in {answer, *re.findall(r"[\w+/=-]{20,}", answer)}:
            for value in (word, f"sha256={word}", f"v0={word}", f"v1,{word}"):
                headers = dict.fromkeys(call.headers, value) | {"content-type": kind}
                with pytest.raises((Rejected, Retry)):
                    await _receive(name, replace(call, headers=headers, body=forged), settings)


def _rewritten(body: bytes) -> bytes:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=1).encode()
    except ValueError:
        return body


@pytest.mark.parametrize("name", WEBHOOKS)
@given(body=st.binary(max_size=120), header=st.text(max_size=30))
async def test_no_call_raises_anything_but_rejected_or_retry(
    name: str, body: bytes, header: str
) -> None:
    make, settings = CALLS[name]
    call = make()
    tried = replace(
        call,
        body=call.body[: len(call.body) // 2] + body,
        headers=dict.fromkeys(call.headers, header)
        | {"content-type": call.headers["content-type"]},
    )
    for bad in (tried, replace(call, body=body), replace(tried, headers={})):
        try:
            await _receive(name, bad, settings)
        except (Rejected, Retry):
            continue


@pytest.mark.parametrize("name", WEBHOOKS)
def test_what_to_set_up_is_told_for_configured_accounts_alone(name: str) -> None:
    _, settings = CALLS[name]
    told = WEBHOOKS[name].setup(settings, f"https://kapi.example/v1/hooks/{name}/a")
    assert told is not None
    assert f"/v1/hooks/{name}/a" in told
    assert WEBHOOKS[name].setup(type(settings)(), "https://kapi.example") is None
    for secret in ("gun", "mark", "sir-"):
        assert f"'{secret}" not in told


@pytest.mark.parametrize("name", CHANNELS)
def test_the_page_of_a_channel_has_the_longest_answer(name: str) -> None:
    answering = _parse(name, SAMPLES[name]).message.answering
    page = (ROOT / "docs" / "channels" / f"{name}.md").read_text(encoding="utf-8")
    limits = page.partition("\n## Limits\n")[2].partition("\n## ")[0]
    numbers = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", limits)]
    if answering and answering.limit:
        # Mastodon's answer begins with the customer's name, which counts.
        assert any(0 <= number - answering.limit < 20 for number in numbers)
