"""Only a person who writes one mail of their own gets an acknowledgement, in a language they read."""

from datetime import timedelta

import msgspec
import pytest

from router.decision.decide import decide_message
from schemas.decision import WorkItem
from schemas.message import Automatic, Handle, Party
from tests.support.messages import NOW, message, policy
from workers.replies.acknowledge import acknowledgement_address
from workers.replies.templates import acknowledgement


def _work(**fields: object) -> WorkItem:
    mail = message("Faturam yanlış", channel="email", kind="mail", **fields)
    item = decide_message(mail, None, policy(), NOW).item
    assert item is not None
    return item


def test_a_person_gets_an_acknowledgement() -> None:
    assert acknowledgement_address(_work()) == "ada@ornek.example"


def test_a_mail_that_asks_for_silence_gets_no_acknowledgement() -> None:
    assert acknowledgement_address(_work(flags=("no_automatic_answer",))) is None


def test_a_mail_of_a_mailbox_that_is_read_for_the_first_time_gets_no_acknowledgement() -> None:
    assert acknowledgement_address(_work(sent_at=NOW - timedelta(days=3))) is None


@pytest.mark.parametrize(
    "address", ["noreply@x", "no-reply@x", "MAILER-DAEMON@x", "list-request@x", "bounces@x"]
)
def test_the_address_of_a_machine_gets_no_acknowledgement(address: str) -> None:
    sender = Party(handles=(Handle(kind="email", value=address),))
    assert acknowledgement_address(_work(sender=sender)) is None


def test_spam_gets_no_acknowledgement() -> None:
    item = _work()
    spam = msgspec.structs.replace(item.decision, flags=("spam",))
    assert acknowledgement_address(msgspec.structs.replace(item, decision=spam)) is None


def test_an_automatic_mail_gets_no_acknowledgement() -> None:
    item = _work()
    robot = msgspec.structs.replace(item.message, automatic=Automatic(kind="loop", evidence="x"))
    assert acknowledgement_address(msgspec.structs.replace(item, message=robot)) is None


def test_a_writer_of_an_unknown_language_gets_both_texts() -> None:
    both = acknowledgement("und", "Fatura", "Billing", "1.1.2026")
    assert "Fatura" in both
    assert "Billing" in both
