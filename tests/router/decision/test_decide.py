"""Decisions: repeatable and explained; follow-ups, strangers, machines, spam."""

from collections.abc import Callable
from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.decision.decide import RoutingResult, decide_message
from router.decision.fault_decision import triage_message
from router.decision.policy import Policy
from schemas.message import Automatic, Event, Handle, Message, Party
from schemas.state.conversation import ConversationState
from tests.support.messages import NOW, message, policy
from tests.support.router.decisions import decide_default


def test_an_unreadable_mail_is_in_triage_with_any_subject() -> None:
    result = decide_default(
        message("Okunamadı", subject="Kargom nerede?", repaired=("unreadable",))
    )
    assert (result.decision.department, result.decision.action) == ("triage", "triage")
    assert "unreadable" in result.decision.flags
    assert "state.unreadable" in [r.id for r in result.decision.reasons]
    assert result.item is not None


def test_in_a_live_conversation_an_unreadable_mail_is_flagged_where_its_department_sees_it() -> (
    None
):
    first = decide_default(message("Kargom nerede? Siparişim hala gelmedi"))
    result = decide_default(message("Okunamadı", native="2", repaired=("unreadable",)), first.state)
    assert (result.decision.department, result.decision.action) == ("orders", "append")
    assert "unreadable" in result.decision.flags


@pytest.mark.parametrize(
    ("text", "department"),
    [
        ("Kargom nerede? Siparişim hala gelmedi", "orders"),
        ("Bu ay faturam çok yüksek, fazla ücret yansıtmışsınız", "billing"),
        ("Ürün kırık geldi, iade istiyorum", "returns"),
        ("sabahtan beri internet yok, modem kapali", "technical"),
        ("Şifremi unuttum, giriş yapamıyorum", "account"),
        ("Aboneliğimi iptal etmek istiyorum, başka operatöre geçeceğim", "retention"),
        ("KVKK kapsamında verilerimin silinmesini istiyorum", "legal"),
        ("I am a journalist, may I have an interview with you?", "press"),
        ("Şirketimiz için toplu alım yapmak istiyoruz", "corporate"),
        ("How much is the 20 GB data plan? Any discount?", "sales"),
        ("Müşteri temsilciniz çok kabaydı", "customer_care"),
    ],
)
def test_a_clear_message_goes_to_its_department_with_reasons(text: str, department: str) -> None:
    decision = decide_default(message(text)).decision
    assert (decision.department, decision.action) == (department, "queue")
    assert decision.confidence >= 0.5
    assert any(r.kind == "rule" and r.evidence for r in decision.reasons)
    assert decision.pack.startswith("default-")


@pytest.mark.parametrize("text", ["selam", "?", "", "geçen gün konuşmuştuk", "😀"])
def test_an_unsure_message_goes_to_triage_and_says_so(text: str) -> None:
    result = decide_default(message(text))
    assert (result.decision.department, result.decision.action) == ("triage", "triage")
    assert any(r.id == "state.unsure" for r in result.decision.reasons)
    assert result.item is not None


def test_same_message_state_and_rules_give_the_same_bytes() -> None:
    sent = message("Faturam yanlış, iade istiyorum, kargom gelmedi!")
    first, second = (msgspec.json.encode(decide_default(sent).decision) for _ in range(2))
    assert first == second


def test_a_repeat_is_dropped() -> None:
    sent = message("Kargom nerede?")
    repeat = decide_default(sent, decide_default(sent).state)
    assert repeat.decision.action == "repeat"
    assert repeat.item is None


def test_a_follow_up_goes_where_the_conversation_is() -> None:
    first = decide_default(message("Faturam yanlış"))
    again = decide_default(message("tamam, teşekkürler", native="2"), first.state)
    assert (again.decision.action, again.decision.department) == ("append", "billing")
    assert again.item is not None


def test_a_stranger_in_a_mail_conversation_is_flagged() -> None:
    first = decide_default(message("Faturam yanlış", kind="mail"))
    other = Party(handles=(Handle(kind="email", value="x@y.example"),))
    again = decide_default(
        message("param nerede", native="2", kind="mail", sender=other), first.state
    )
    assert "new_participant" in again.decision.flags
    third = decide_default(message("hadi", native="3", kind="mail", sender=other), again.state)
    assert "new_participant" in third.decision.flags


def test_a_machines_mail_opens_nothing_and_reaches_no_queue() -> None:
    robot = Automatic(kind="out_of_office", evidence="x")
    result = decide_default(message("Ofis dışındayım", automatic=robot))
    assert result.decision.action == "automatic"
    assert result.item is None
    after = decide_default(message("Faturam yanlış", native="2"), result.state)
    assert after.decision.action == "queue"
    assert (
        decide_default(message("Ofis dışındayım", automatic=robot), result.state).decision.action
        == "repeat"
    )


def test_an_event_is_appended_and_opens_nothing() -> None:
    first = decide_default(message("Faturam yanlış"))
    edit = message("Faturam doğru", native="1;2", event=Event(kind="edited", of="x"))
    assert decide_default(edit, first.state).decision.action == "append"
    assert decide_default(edit).item is None


@pytest.mark.parametrize("decide_event", [decide_message, triage_message])
def test_an_event_neither_reopens_a_conversation_nor_begins_one(
    decide_event: Callable[[Message, ConversationState, Policy, datetime], RoutingResult],
) -> None:
    first = decide_default(message("Faturam yanlış"))
    assert first.state is not None
    resolved = msgspec.structs.replace(first.state, status="resolved")
    event = message("👍", native="2", event=Event(kind="reaction", of="x"))
    after = decide_event(event, resolved, policy(), NOW).state
    assert after is not None
    assert after.status == "resolved"
    assert "reopened" in decide_default(message("Yine yanlış", native="3"), after).decision.flags
    quiet = msgspec.structs.replace(first.state, status="quiet")
    begun = decide_event(event, quiet, policy(), NOW).state
    assert begun is not None
    assert begun.status == "quiet"


@given(st.text(max_size=400))
def test_any_text_is_decided(text: str) -> None:
    decision = decide_default(message(text)).decision
    msgspec.json.encode(decision)
    assert 0 <= decision.priority <= 100


@pytest.mark.parametrize(
    "text",
    [
        "Merhaba, sitenizi inceledik. SEO hizmetimizle kampanyalarınız Google'da ilk sırada çıksın, fiyat için yazın",
        "Dear owner, you have won! Claim your prize: bitcoin investment, double your money",
    ],
)
def test_spam_is_kept_from_the_departments_and_looked_at_last(text: str) -> None:
    result = decide_message(message(text), None, policy(), NOW)
    assert result.item is not None, "nothing is thrown away"
    assert (result.decision.action, result.decision.flags) == ("triage", ("spam",))
    assert result.decision.priority < 15
    complaint = decide_message(
        message("Kartımdan casino sitesine para çekilmiş, bilgim dışında harcama"),
        None,
        policy(),
        NOW,
    )
    assert "spam" not in complaint.decision.flags
