"""The promises of every webhook, with the call of each in tests/support/samples.

A sample says what its proof covers: the bytes of the body, a header alone, or fields in the body.
"""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.registry import WEBHOOKS
from ingest.webhook import WebhookRequest
from runtime.settings.limits import MIB
from schemas.errors import Rejected, Retry
from tests.support.samples.registry import SAMPLES, SECRET_WORD

REFUSALS = ("signature.", "form.", "json.")
"""The codes of a call that is not its vendor's."""

SIGNED = [name for name in WEBHOOKS if SAMPLES[name].call_manifest.proof == "body"]
PROVEN_BY_HEADER = [name for name in WEBHOOKS if SAMPLES[name].call_manifest.proof != "field"]


@pytest.mark.parametrize("name", WEBHOOKS)
async def test_a_proven_call_gives_messages_of_its_channel(name: str) -> None:
    sample = SAMPLES[name]
    result = await sample.receive(sample.call)
    assert result.deliveries
    assert 200 <= result.response.status < 300
    messages = [sample.parse(raw).message for raw in result.deliveries]
    assert all(SECRET_WORD in message.text for message in messages)
    assert messages[0].native_id == sample.manifest.native_id


@pytest.mark.parametrize("name", WEBHOOKS)
async def test_a_call_without_its_proof_is_refused(name: str) -> None:
    sample = SAMPLES[name]
    headers = {"content-type": sample.call.headers["content-type"]}
    unset = sample.channel.account()
    for call, settings in (
        (replace(sample.call, headers=headers, body=b""), sample.settings),
        (sample.call, unset),
    ):
        with pytest.raises(Rejected) as error:
            await sample.receive(call, settings)
        assert error.value.code.startswith(REFUSALS), error.value.code


@pytest.mark.parametrize("name", WEBHOOKS)
async def test_only_a_header_proves_an_empty_document(name: str) -> None:
    sample = SAMPLES[name]
    try:
        await sample.receive(replace(sample.call, body=b"{}"))
    except Rejected as error:
        assert error.code.startswith(REFUSALS), error.code
    except Retry:
        assert sample.call_manifest.proof == "header"
    else:
        assert sample.call_manifest.proof == "header"


@pytest.mark.parametrize("name", SIGNED)
async def test_a_body_that_another_program_wrote_is_not_the_vendors(name: str) -> None:
    sample = SAMPLES[name]
    body = sample.payload
    for changed in {body + b" ", body.replace(b"a", b"b", 1), _rewritten(body)} - {body}:
        with pytest.raises(Rejected) as error:
            await sample.receive(replace(sample.call, body=changed))
        assert error.value.code.startswith(REFUSALS), error.value.code


def _rewritten(body: bytes) -> bytes:
    """Return the same JSON with other white space, or the body where it is not JSON."""
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=1).encode()
    except ValueError:
        return body


class EveryName(dict[str, str]):
    """A query, or headers, in which each name has the same value."""

    def __init__(self, value: str, **exceptions: str) -> None:
        super().__init__(exceptions)
        self._value = value

    def get(self, name: str, default: object = None) -> str:
        return super().get(name, self._value)

    def __missing__(self, name: str) -> str:
        return self._value


async def _answers(name: str, forged: bytes) -> list[str]:
    """Return the answers to a stranger who sends forged words under every name."""
    sample = SAMPLES[name]
    words = forged.decode("latin-1")
    content_type = sample.call.headers["content-type"]
    answers = []
    for method in ("GET", "POST"):
        for headers in (EveryName(words), EveryName("", **{"content-type": content_type})):
            question = replace(
                sample.call,
                method=method,
                query=EveryName(words),
                headers=headers,
                body=b"" if method == "GET" else forged,
            )
            try:
                answers.append((await sample.receive(question)).response.body.decode())
            except (Rejected, Retry) as error:
                answers.append(str(error))
    return answers


@pytest.mark.parametrize("name", PROVEN_BY_HEADER)
async def test_no_answer_to_a_stranger_proves_a_call(name: str) -> None:
    """A caller who has words signed under any name can't send those words as the vendor."""
    sample = SAMPLES[name]
    forged = sample.payload.replace(b"faturam", b"sahte")
    assert forged != sample.payload
    content_type = {"content-type": sample.call.headers["content-type"]}
    for answer in await _answers(name, forged):
        for word in {answer, *re.findall(r"[\w+/=-]{20,}", answer)}:
            for value in (word, f"sha256={word}", f"v0={word}", f"v1,{word}"):
                headers = dict.fromkeys(sample.call.headers, value) | content_type
                with pytest.raises((Rejected, Retry)):
                    await sample.receive(replace(sample.call, headers=headers, body=forged))


@pytest.mark.parametrize("name", WEBHOOKS)
@given(body=st.binary(max_size=120), header=st.text(max_size=30))
async def test_no_call_raises_anything_but_rejected_or_retry(
    name: str, body: bytes, header: str
) -> None:
    sample = SAMPLES[name]
    call = sample.call
    content_type = {"content-type": call.headers["content-type"]}
    changed = replace(
        call,
        body=call.body[: len(call.body) // 2] + body,
        headers=dict.fromkeys(call.headers, header) | content_type,
    )
    calls: list[WebhookRequest] = [changed, replace(call, body=body), replace(changed, headers={})]
    for bad in calls:
        try:
            await sample.receive(bad)
        except (Rejected, Retry):
            continue


@pytest.mark.parametrize("name", WEBHOOKS)
def test_the_setup_is_shown_for_configured_accounts_alone(name: str) -> None:
    sample = SAMPLES[name]
    text = WEBHOOKS[name].setup(sample.settings, f"https://kapi.example/v1/hooks/{name}/a")
    assert text is not None
    assert f"/v1/hooks/{name}/a" in text
    assert WEBHOOKS[name].setup(sample.channel.account(), "https://kapi.example") is None
    assert "sir-" not in text


@pytest.mark.parametrize("name", WEBHOOKS)
def test_the_headers_of_the_proof_are_in_the_call(name: str) -> None:
    sample = SAMPLES[name]
    proofs = WEBHOOKS[name].proof_headers(sample.settings)
    assert not proofs or any(sample.call.headers.get(header) for header in proofs)


@pytest.mark.parametrize("name", WEBHOOKS)
def test_the_largest_body_has_room_for_a_call(name: str) -> None:
    assert len(SAMPLES[name].payload) < WEBHOOKS[name].max_body <= 64 * MIB
