"""Priority and sentiment: danger, irony, customers who wait, and customers of a table."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from router.decision.apply_outcome import apply_outcome
from router.decision.decide import RoutingResult, decide_message
from router.text.customer_priority import load_customer_priorities
from schemas.message import Automatic, Event, Handle, Message, Party
from schemas.outcome import Outcome
from schemas.state.conversation import ConversationState
from tests.support.messages import NOW, message, policy
from tests.support.router.decisions import decide_default


def _later(kind: str, hours: float, conversation: str) -> Outcome:
    return Outcome(
        id=f"{kind}-{hours}",
        kind=kind,
        brand="default",
        conversation=conversation,
        item="i",
        department="billing",
        at=NOW + timedelta(hours=hours),
    )


def _texts_of(decided: RoutingResult, identifier: str) -> list[str]:
    return [r.text_en for r in decided.decision.reasons if r.id == identifier]


def test_danger_comes_before_everything_else() -> None:
    danger = decide_default(message("Şarj aletinden duman çıktı, acil!")).decision
    assert danger.priority >= 90
    assert danger.severity == 2


@pytest.mark.parametrize(
    "text",
    [
        "Sayenizde iki gündür internetsiziz, bravo",
        "Teşekkürler, yine faturam yüksek geldi, rezalet",
        "Helal olsun size, kargom bir aydır gelmedi",
        "Great job, my internet is down again, thanks",
        "Harikasınız! Ürün kırık geldi, müşteri hizmetleri de ilgilenmiyor",
    ],
)
def test_irony_is_not_praise(text: str) -> None:
    assert decide_message(message(text), None, policy(), NOW).decision.sentiment < 0


@pytest.mark.parametrize(
    "text", ["Çok memnun kaldım, teşekkürler", "Thanks, great service, very happy with you"]
)
def test_praise_is_praise(text: str) -> None:
    assert decide_message(message(text), None, policy(), NOW).decision.sentiment > 0


def test_a_second_message_without_an_answer_raises_the_priority_once() -> None:
    def written(native: str, hours: float) -> Message:
        return message("hala bekliyorum", native, received_at=NOW + timedelta(hours=hours))

    first = decide_default(message("Faturam yanlış", "1"))
    soon = decide_default(written("2", 1), first.state)
    assert _texts_of(soon, "state.waiting") == []
    late = decide_default(written("3", 26), soon.state)
    assert _texts_of(late, "state.waiting") == ["writes again after 26 hours without an answer"]
    assert late.decision.priority == soon.decision.priority + 10
    later = decide_default(written("4", 27), late.state)
    assert later.decision.priority == late.decision.priority, "it does not add up"
    assert late.state is not None
    for kind in ("replied", "resolved"):
        state = apply_outcome(
            _later(kind, 26.5, late.state.conversation), late.state, policy().departments, NOW
        )
        assert isinstance(state, ConversationState)
        answered = decide_default(written("5", 27), state)
        assert _texts_of(answered, "state.waiting") == []
        assert answered.state is not None
        assert answered.state.unanswered_since == NOW + timedelta(hours=27)
        assert (
            apply_outcome(_later(kind, 26.5, state.conversation), state, policy().departments, NOW)
            is None
        )


def test_a_machines_mail_and_an_edit_do_not_wait_for_an_answer() -> None:
    first = decide_default(message("Faturam yanlış", "1"))
    automatic = Automatic(kind="out_of_office", evidence="x")
    for more in ({"automatic": automatic}, {"event": Event(kind="edited", of="1")}):
        late = message("x", "2", received_at=NOW + timedelta(days=3), **more)
        assert _texts_of(decide_default(late, first.state), "state.waiting") == []
    quiet = decide_default(message("x", "3", automatic=automatic))
    assert quiet.state is not None
    assert quiet.state.unanswered_since is None


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_customers_standing_adds_its_points_and_says_so(tmp_path: Path, separator: str) -> None:
    table = tmp_path / "standing.csv"
    rows = [["handle", "standing", "points"], ["ADA@ornek.example", "altın üye", "15"]]
    table.write_text("\n".join(separator.join(r) for r in rows), encoding="utf-8-sig")
    gold_policy = replace(policy(), customer_priorities=load_customer_priorities(table))
    plain = decide_default(message("Faturam yanlış, adres ada@ornek.example"))
    gold = decide_message(
        message("Faturam yanlış, adres ada@ornek.example"), None, gold_policy, NOW
    )
    assert gold.decision.priority == plain.decision.priority + 15
    assert _texts_of(gold, "state.standing") == ["customer: altın üye"]
    stranger = Party(handles=(Handle(kind="email", value="eve@ornek.example"),))
    result = decide_message(
        message("ada@ornek.example yazıyor", sender=stranger), None, gold_policy, NOW
    )
    assert _texts_of(result, "state.standing") == [], "a text proves nothing"
