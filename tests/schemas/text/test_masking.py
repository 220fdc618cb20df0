"""Masking finds personal numbers in any spelling and at any depth of a record."""

import json

import msgspec
import pytest

from schemas.decision import Entity, Evidence, Reason
from schemas.http_api.bodies import MessageOut
from schemas.message import Attachment, Call, Forwarded, Handle, Party, Turn
from schemas.text.masking import (
    mask_decision,
    mask_json,
    mask_message,
    mask_number,
    mask_personal_numbers,
    mask_record,
)
from tests.support.messages import message
from tests.support.router.decisions import decision_with
from tests.support.workers.personal_numbers import CARD, IBAN, IDENTITY

SEPARATORS = [" ", "  ", ".", "-", "\u00a0", "\u202f"]


def grouped(number: str, groups: tuple[int, ...], separator: str) -> str:
    """Return a number with a separator between its groups."""
    pieces, offset = [], 0
    for size in groups:
        pieces.append(number[offset : offset + size])
        offset += size
    return separator.join([*pieces, number[offset:]]) if number[offset:] else separator.join(pieces)


@pytest.mark.parametrize("separator", SEPARATORS, ids=repr)
@pytest.mark.parametrize(
    ("number", "groups"),
    [
        (IDENTITY, (3, 3, 3, 2)),
        (CARD, (4, 4, 4, 4)),
        (IBAN, (4, 4, 4, 4, 4, 4, 2)),
    ],
    ids=["identity number", "card", "IBAN"],
)
def test_a_number_is_masked_with_any_separators(
    number: str, groups: tuple[int, ...], separator: str
) -> None:
    text = f"Bilgim şu: {grouped(number, groups, separator)} teşekkürler"
    masked = mask_personal_numbers(text)
    assert len(masked) == len(text), "places of evidence stay right"
    readable = "".join(c for c in masked if c.isdigit())
    assert readable == number[-3:]
    assert masked.startswith("Bilgim şu: ")
    assert masked.endswith(" teşekkürler")


@pytest.mark.parametrize("number", ["4111 1111\r\n1111 1111", f"{IBAN[:12]}\n> {IBAN[12:]}"])
def test_a_number_that_continues_in_the_next_line_is_masked(number: str) -> None:
    masked = mask_personal_numbers(f"Bilgim: {number}.")
    assert sum(c.isdigit() for c in masked) == 3
    assert masked.count("\n") == 1


def test_every_number_of_a_long_text_is_masked() -> None:
    text = " ve ".join([IDENTITY, CARD, IBAN] * 200)
    masked = mask_personal_numbers(text)
    for number in (IDENTITY, CARD, IBAN):
        assert number not in masked
    assert masked.count("***146") == 200


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Siparişim 4581237 gelmedi",
        "0532 111 22 33",
        "10000000147",
        "26.11.2026 09:15",
        "1.250,50 TL",
    ],
)
def test_other_numbers_stay_as_they_are(text: str) -> None:
    assert mask_personal_numbers(text) == text


def test_a_masked_text_is_not_masked_further() -> None:
    once = mask_personal_numbers(f"{IDENTITY} {IBAN}")
    assert mask_personal_numbers(once) == once
    assert mask_number("10000000146") == "********146"


def test_a_message_is_masked_in_each_of_its_fields_and_keeps_its_ids() -> None:
    named = Party(name=f"Ada {IDENTITY}", handles=(Handle(kind="customer_no", value=IDENTITY),))
    original = message(
        CARD,
        subject=IBAN,
        sender=named,
        recipients=(named,),
        native_id=IDENTITY,
        full_text=f"> {IDENTITY}",
        attachments=(
            Attachment(name=f"{IDENTITY}.pdf", type="application/pdf", size=1, sha256="1" * 64),
        ),
        forwarded=Forwarded(sender=named, subject=CARD, text=IBAN, recipients=(named,)),
        call=Call(
            turns=(
                Turn(speaker=IDENTITY, role="customer", start=0, end=1, text=f"numaram {IDENTITY}"),
            ),
            agent=IDENTITY,
        ),
        thread=(f"<{IDENTITY}@ornek.example>",),
    )
    masked = mask_message(original)
    encoded = msgspec.json.encode(masked).decode()
    for number in (IDENTITY, CARD, IBAN):
        assert number not in encoded
    assert (masked.id, masked.conversation) == (original.id, original.conversation)
    assert masked.attachments[0].sha256 == "1" * 64
    assert json.loads(mask_json(msgspec.json.encode(original))) == json.loads(encoded)


def test_a_quotation_that_cuts_through_a_number_shows_no_digit_of_it() -> None:
    original = message(f"numaram {IDENTITY} iade")
    text = original.decided_text
    start = text.index(IDENTITY)
    evidence = Evidence(start=0, end=start + 7, text=text[: start + 7])
    reason = Reason(kind="rule", id="r", version="1", evidence=(evidence,), text_tr=IDENTITY)
    masked = mask_decision(decision_with(reasons=(reason,)), original)
    assert masked.reasons[0].evidence[0].text == "numaram *******"
    assert masked.reasons[0].text_tr == "********146"


def test_a_number_that_only_the_decision_calls_personal_is_masked() -> None:
    text = "vergi numaram 1234567890"
    entity = Entity(kind="tax_number", value="*******890", start=14, end=24)
    masked = mask_message(message(text), decision_with(entities=(entity,)))
    assert masked.text == "vergi numaram *******890"


def test_a_record_without_numbers_stays_the_same() -> None:
    answer = MessageOut(message=message("Kargom nerede"), decision=None, outcomes=())
    assert mask_record(answer) is answer
