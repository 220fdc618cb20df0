"""The reply that workers compose, and the text whose offsets the evidence states."""

import msgspec

from router.decision.decide import decide_message
from schemas.message import Message
from schemas.outcome import Reply
from tests.support.messages import NOW, message, policy
from workers.replies.compose import compose_reply


def _mail(**fields: object) -> Message:
    return message("Kargom nerede?", subject="Kargo", channel="email", **fields)


def test_a_reply_joins_the_thread_of_its_message() -> None:
    mail = _mail(thread=("<1@shop.example>", "<2@shop.example>"), reply_to="ada@ornek.example")
    work = decide_message(mail, None, policy(), NOW).item
    assert work is not None
    assert compose_reply(mail, work.decision, "r1", "Yolda.", NOW) == Reply(
        id="r1",
        kind="answer",
        brand="default",
        channel="email",
        source="api:test",
        conversation=mail.conversation,
        message=mail.id,
        item=mail.id,
        department=work.decision.department,
        recipient=mail.sender,
        reply_to="ada@ornek.example",
        subject="Kargo",
        text="Yolda.",
        language="tr",
        in_reply_to="<2@shop.example>",
        references=("<1@shop.example>", "<2@shop.example>"),
        at=NOW,
    )


def test_the_evidence_of_a_decision_is_found_in_the_decided_text() -> None:
    mail = msgspec.structs.replace(_mail(), subject="Kargom nerede", text="Paket gelmedi.")
    work = decide_message(mail, None, policy(), NOW).item
    assert work is not None
    evidence = [e for reason in work.decision.reasons for e in reason.evidence]
    assert evidence
    for span in evidence:
        assert mail.decided_text[span.start : span.end] == span.text


def test_a_message_without_a_subject_is_decided_on_its_text() -> None:
    assert message("Paket gelmedi.").decided_text == "Paket gelmedi."
