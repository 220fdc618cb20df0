"""Decisions: pure, repeatable, explained; conversations that go on, move, close and reopen."""

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.decision import reasons
from router.decision.apply_outcome import apply_outcome
from router.decision.decide import RoutingResult, decide, decide_message
from router.policy_settings import build_policy
from router.record_decision import decide_record
from router.text.customer_priority import load_customer_priorities
from router.text.entities import find_entities
from router.text.pack_compiler import compile_pack
from runtime.settings.structs import Settings
from schemas.decision import Evidence, Reason, WorkItem
from schemas.errors import ConfigError
from schemas.message import Automatic, Event, Handle, Message, Party
from schemas.outcome import Outcome
from schemas.routing.counterfactual import otherwise
from schemas.state import conversation as states
from schemas.state.conversation import ConversationState
from schemas.text.fold import fold
from schemas.text.iban import iban_holds
from schemas.text.personal_numbers import identity_holds
from tests.support.samples import NOW, PACK, message, policy


def _one(made: Message, state: ConversationState | None = None) -> RoutingResult:
    return decide_message(made, state, policy(), NOW)


def test_a_mail_that_could_not_be_read_is_in_triage_whatever_its_subject_says() -> None:
    made = _one(message("Okunamadı", subject="Kargom nerede?", repaired=("unreadable",)))
    assert (made.decision.department, made.decision.action) == ("triage", "triage")
    assert "unreadable" in made.decision.flags
    assert "state.unreadable" in [r.id for r in made.decision.reasons]
    assert made.item is not None


def test_in_a_live_conversation_an_unreadable_mail_is_flagged_where_its_department_sees_it() -> (
    None
):
    first = _one(message("Kargom nerede? Siparişim hala gelmedi"))
    made = _one(message("Okunamadı", native="2", repaired=("unreadable",)), first.state)
    assert (made.decision.department, made.decision.action) == ("orders", "append")
    assert "unreadable" in made.decision.flags


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
    decision = _one(message(text)).decision
    assert (decision.department, decision.action) == (department, "queue")
    assert decision.confidence >= 0.5
    assert any(r.kind == "rule" and r.evidence for r in decision.reasons)
    assert decision.pack.startswith("default-")


@pytest.mark.parametrize("text", ["selam", "?", "", "geçen gün konuşmuştuk", "😀"])
def test_an_unsure_message_goes_to_triage_and_says_so(text: str) -> None:
    made = _one(message(text))
    assert (made.decision.department, made.decision.action) == ("triage", "triage")
    assert any(r.id == "state.unsure" for r in made.decision.reasons)
    assert made.item is not None


def test_same_message_state_and_rules_give_the_same_bytes() -> None:
    made = message("Faturam yanlış, iade istiyorum, kargom gelmedi!")
    first, second = (msgspec.json.encode(_one(made).decision) for _ in range(2))
    assert first == second


def test_a_repeat_is_dropped_within_and_across_batches() -> None:
    made = message("Kargom nerede?")
    first, second = decide([made, made], lambda _c: None, policy(), NOW)
    assert second.decision.action == "repeat"
    assert second.item is None
    assert _one(made, first.state).decision.action == "repeat"


def test_a_follow_up_goes_where_the_conversation_is() -> None:
    first = _one(message("Faturam yanlış"))
    again = _one(message("tamam, teşekkürler", native="2"), first.state)
    assert (again.decision.action, again.decision.department) == ("append", "billing")
    assert again.item is not None


def test_a_stranger_in_a_mail_conversation_is_flagged() -> None:
    first = _one(message("Faturam yanlış", kind="mail"))
    other = Party(handles=(Handle(kind="email", value="x@y.example"),))
    again = _one(message("param nerede", native="2", kind="mail", sender=other), first.state)
    assert "new_participant" in again.decision.flags
    third = _one(message("hadi", native="3", kind="mail", sender=other), again.state)
    assert "new_participant" in third.decision.flags


def test_a_machines_mail_opens_nothing_and_reaches_no_queue() -> None:
    robot = Automatic(kind="out_of_office", evidence="x")
    made = _one(message("Ofis dışındayım", automatic=robot))
    assert made.decision.action == "automatic"
    assert made.item is None
    after = _one(message("Faturam yanlış", native="2"), made.state)
    assert after.decision.action == "queue"
    assert _one(message("Ofis dışındayım", automatic=robot), made.state).decision.action == "repeat"


def test_an_event_is_appended_and_opens_nothing() -> None:
    first = _one(message("Faturam yanlış"))
    edit = message("Faturam doğru", native="1;2", event=Event(kind="edited", of="x"))
    assert _one(edit, first.state).decision.action == "append"
    assert _one(edit).item is None


def _outcome(kind: Any, item: WorkItem, **more: Any) -> Outcome:
    told: dict[str, Any] = {
        "id": f"{kind}-{item.decision.hops}-{more.get('to')}",
        "kind": kind,
        "brand": "default",
        "conversation": item.message.conversation,
        "item": item.message.id,
        "department": item.decision.department,
        "messages": (item.message.id,),
        "at": NOW,
        "hops": item.decision.hops,
    }
    return Outcome(**(told | more))


def _moved(made: RoutingResult, to: str, kind: str = "rerouted") -> RoutingResult:
    assert made.item is not None
    told = _outcome(kind, made.item, to=to, moved=made.item, reason="yanlış bölüm", agent="a")
    after = apply_outcome(told, made.state, policy().departments, NOW)
    assert isinstance(after, RoutingResult)
    assert apply_outcome(told, after.state, policy().departments, NOW) is None, (
        "the same outcome again changes nothing"
    )
    return after


def test_reroute_moves_the_item_one_hop_with_the_reason() -> None:
    after = _moved(_one(message("Faturam yanlış")), "legal")
    assert after.item is not None
    assert (after.decision.department, after.decision.hops) == ("legal", 1)
    assert after.decision.reasons[-1].id == "people.rerouted"
    follow = _one(message("peki", native="9"), after.state)
    assert follow.decision.department == "legal"


def test_too_many_hops_end_in_triage() -> None:
    made = _one(message("Faturam yanlış"))
    for number in range(states.HOP_LIMIT + 1):
        made = _moved(made, ("legal", "billing")[number % 2])
    assert made.decision.department == "triage"
    assert "hop_limit" in made.decision.flags


def test_escalation_raises_the_priority() -> None:
    made = _one(message("Faturam yanlış"))
    after = _moved(made, "billing", "escalated")
    assert after.decision.priority > made.decision.priority
    assert "escalated" in after.decision.flags


def test_a_resolved_conversation_reopens_with_the_next_message() -> None:
    made = _one(message("Faturam yanlış"))
    assert made.item is not None
    after = apply_outcome(_outcome("resolved", made.item), made.state, policy().departments, NOW)
    assert isinstance(after, ConversationState)
    assert after.status == "resolved"
    again = _one(message("Hâlâ yanlış!", native="2"), after)
    assert "reopened" in again.decision.flags
    assert again.state is not None
    assert again.state.status == "open"


@pytest.mark.parametrize("rival", ["resolved", "rerouted", "escalated"])
def test_a_message_that_one_agent_moved_is_closed_by_no_other(rival: str) -> None:
    made = _one(message("Faturam yanlış"))
    assert made.item is not None
    state = _moved(made, "legal").state
    late = _outcome(rival, made.item, to="sales", moved=made.item, agent="b")
    assert apply_outcome(late, state, policy().departments, NOW) is None
    result = decide_record(late, lambda: state, policy(), NOW)
    assert (result.transition, result.item) == (None, None)


def test_a_message_that_one_agent_resolved_is_moved_by_no_other() -> None:
    made = _one(message("Faturam yanlış"))
    assert made.item is not None
    state = apply_outcome(_outcome("resolved", made.item), made.state, policy().departments, NOW)
    assert isinstance(state, ConversationState)
    late = _outcome("rerouted", made.item, to="legal", moved=made.item)
    assert apply_outcome(late, state, policy().departments, NOW) is None


def test_who_resolves_a_rest_does_not_resolve_what_another_moved() -> None:
    made = _one(message("Faturam yanlış"))
    follow = _one(message("peki", native="9"), made.state)
    assert made.item is not None
    assert follow.item is not None
    moved = _outcome("rerouted", made.item, to="legal", moved=made.item)
    after = apply_outcome(moved, follow.state, policy().departments, NOW)
    assert isinstance(after, RoutingResult)
    ids = (made.item.message.id, follow.item.message.id)
    state = apply_outcome(
        _outcome("resolved", made.item, messages=ids), after.state, policy().departments, NOW
    )
    assert isinstance(state, ConversationState)
    assert state.status == "open"
    late = _outcome("rerouted", follow.item, to="sales", moved=follow.item)
    assert apply_outcome(late, state, policy().departments, NOW) is None


def test_each_message_of_a_conversation_is_closed_at_its_own_hops() -> None:
    made = _one(message("Faturam yanlış"))
    moved = _moved(made, "legal")
    assert moved.item is not None
    assert moved.state is not None
    follow = _one(message("peki", native="9"), moved.state)
    assert follow.item is not None
    ids = (moved.item.message.id, follow.item.message.id)
    outcome = _outcome("resolved", moved.item, messages=ids, message_hops=(1, 0))
    state = apply_outcome(outcome, follow.state, policy().departments, NOW)
    assert isinstance(state, ConversationState)
    assert states.has_seen(state, states.closing_key(ids[1], 0))
    assert not states.has_seen(state, states.closing_key(ids[1], 1))


def test_an_outcome_of_an_unknown_conversation_changes_nothing() -> None:
    made = _one(message("Faturam yanlış"))
    assert made.item is not None
    assert apply_outcome(_outcome("resolved", made.item), None, policy().departments, NOW) is None


def test_danger_comes_before_everything_else() -> None:
    danger = _one(message("Şarj aletinden duman çıktı, acil!")).decision
    assert danger.priority >= 90
    assert danger.severity == 2


@given(st.lists(st.uuids(), min_size=1, max_size=40, unique=True))
def test_every_id_that_was_seen_is_known_and_no_other(ids: list[Any]) -> None:
    seen = b""
    for one_id in ids[:-1]:
        seen = states.remember(seen, str(one_id))
    state = _one(message("x")).state
    assert state is not None
    state = msgspec.structs.replace(state, seen=seen)
    assert all(states.has_seen(state, str(i)) for i in ids[:-1])
    assert not states.has_seen(state, str(ids[-1]))


def test_a_conversation_expires_after_its_time() -> None:
    state = _one(message("x")).state
    assert state is not None
    assert not states.expired(state, NOW + timedelta(days=89), timedelta(days=90))
    assert states.expired(state, NOW + timedelta(days=91), timedelta(days=90))


@given(st.text(max_size=400))
def test_any_text_is_decided(text: str) -> None:
    decision = _one(message(text)).decision
    msgspec.json.encode(decision)
    assert 0 <= decision.priority <= 100


def test_entities_have_their_place_and_personal_numbers_are_masked() -> None:
    text = "Sipariş no: SP-12345, 1.250,90 TL, 0532 123 45 67, a@b.example, kimlik 10000000146"
    found = {e.kind: e for e in find_entities(text, fold(text))}
    assert found["order_number"].value == "SP-12345"
    assert found["amount"].value == "1.250,90 TRY"
    assert found["phone"].value == "+905321234567"
    assert found["email"].value == "a@b.example"
    assert found["identity_number"].value == "********146"
    for entity in found.values():
        assert 0 <= entity.start < entity.end <= len(text)


def test_a_quotation_hides_a_number_that_is_beyond_the_entities_kept() -> None:
    text = "0532 111 22 33, " * 25 + "kimlik 10000000146"
    start = text.index("kimlik")
    quoted = Evidence(start=start, end=len(text), text=text[start:])
    reason = Reason(kind="rule", id="r", version="1", evidence=(quoted,))
    kept = find_entities(text, fold(text))
    assert "identity_number" not in {e.kind for e in kept}
    (masked,) = reasons.mask_evidence([reason], text, kept)
    assert masked.evidence[0].text == "****** ***********"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("VKN 1234567890, 1234567891", [("tax_number", "*******890", "1234567890")]),
        (
            "Kart 4111 1111 1111 1111, 4111 1111 1111 1112",
            [("card_number", "*************111", "4111 1111 1111 1111")],
        ),
        ("9792 0000 0000 0003", [("card_number", "*************003", "9792 0000 0000 0003")]),
        (
            "iban tr33 0006 1005 1978 6457 8413 26",
            [("iban", "***********************326", "tr33 0006 1005 1978 6457 8413 26")],
        ),
        ("GB29NWBK60161331926819.", [("iban", "*******************819", "GB29NWBK60161331926819")]),
        (
            "1.250,50 TL, ₺300, $ 12.5, 45 euro, 100 liradan",
            [
                ("amount", "1.250,50 TRY", "1.250,50 TL"),
                ("amount", "300 TRY", "₺300"),
                ("amount", "12.5 USD", "$ 12.5"),
                ("amount", "45 EUR", "45 euro"),
                ("amount", "100 TRY", "100 liradan"),
            ],
        ),
        (
            "(0532) 111 22 33 +90 532 111 22 34, +44 20 7946 0958",
            [
                ("phone", "+905321112233", "0532) 111 22 33"),
                ("phone", "+905321112234", "+90 532 111 22 34"),
                ("phone", "+442079460958", "+44 20 7946 0958"),
            ],
        ),
        (
            "12.05.2026 3/4/26 2026-01-31 31.02.2026",
            [
                ("date", "2026-05-12", "12.05.2026"),
                ("date", "2026-04-03", "3/4/26"),
                ("date", "2026-01-31", "2026-01-31"),
            ],
        ),
        (
            "15 Mayıs'ta, May 3 2026, 5 Mart 2025 günü, 40 mart",
            [
                ("date", "--05-15", "15 Mayıs"),
                ("date", "2026-05-03", "May 3 2026"),
                ("date", "2025-03-05", "5 Mart 2025"),
            ],
        ),
        (
            "Sipariş no: ABC-123456, takip no 7710023456, tesisat 4400123",
            [
                ("order_number", "ABC-123456", "ABC-123456"),
                ("tracking_number", "7710023456", "7710023456"),
                ("customer_no", "4400123", "4400123"),
            ],
        ),
        (
            "123456 numaralı siparişim, 7654321 nolu fatura, SP-99812 no'lu siparişi",
            [
                ("order_number", "123456", "123456"),
                ("invoice_number", "7654321", "7654321"),
                ("order_number", "SP-99812", "SP-99812"),
            ],
        ),
        (
            "89000 tl fatura geldi, 2023 faturası, 1 siparişim",
            [("amount", "89000 TRY", "89000 tl")],
        ),
        ("tesisat no 4455667788", [("customer_no", "4455667788", "4455667788")]),
        ("vergi no 4455667788, faturayı buna kesin", [("tax_number", "*******788", "4455667788")]),
        ("mayıs ayı tl yok 5", []),
        ("1,2,3 tl12 12tlx", []),
        (
            "45 lıra, 20 LİRA, 7 dollarſ, 3 EURO",
            [
                ("amount", "45 TRY", "45 lıra"),
                ("amount", "20 TRY", "20 LİRA"),
                ("amount", "7 USD", "7 dollarſ"),
                ("amount", "3 EUR", "3 EURO"),
            ],
        ),
    ],
)
def test_what_stands_in_a_text_is_found_with_its_value_and_place(
    text: str, wanted: list[tuple[str, str, str]]
) -> None:
    found = [(e.kind, e.value, text[e.start : e.end]) for e in find_entities(text, fold(text))]
    assert found == wanted


@given(st.text(alphabet="0123456789٣² \xa0.,-/+()TRtrLlIıİiſK₺$@aşM:\n", max_size=80))
def test_any_numbers_are_read_without_an_error(text: str) -> None:
    for e in find_entities(text, fold(text)):
        assert 0 <= e.start < e.end <= len(text)


def test_digits_of_other_scripts_make_no_card() -> None:
    text = "kart 4111111111111112, ٣٣٣٣ ٣٣٣٣ ٣٣٣٣ ٣٣٣٣"
    assert find_entities(text, fold(text)) == ()


def test_a_persons_numbers_are_in_no_decision_even_as_evidence() -> None:
    text = "TC kimlik 10000000146 iban TR330006100519786457841326 faturam yanlış, 4111111111111111 kartımdan çekilmiş"
    decided = decide_message(message(text), None, policy(), NOW).decision
    told = msgspec.json.encode(decided).decode()
    for number in ("10000000146", "TR330006100519786457841326", "4111111111111111"):
        assert number not in told


def test_a_brands_own_patterns_find_its_numbers() -> None:
    settings = msgspec.structs.replace(
        Settings(),
        router=msgspec.structs.replace(
            Settings().router, patterns={"order_number": r"\bSP(\d{4})\b"}
        ),
    )
    made = decide_message(message("SP4711 nerede"), None, build_policy(settings), NOW).decision
    assert [(e.kind, e.value) for e in made.entities] == [("order_number", "4711")]
    bad = msgspec.structs.replace(
        settings, router=msgspec.structs.replace(settings.router, patterns={"x": "("})
    )
    with pytest.raises(ConfigError, match="patterns.x"):
        build_policy(bad)


@pytest.mark.parametrize(
    "text",
    [
        "Merhaba, sitenizi inceledik. SEO hizmetimizle kampanyalarınız Google'da ilk sırada çıksın, fiyat için yazın",
        "Dear owner, you have won! Claim your prize: bitcoin investment, double your money",
    ],
)
def test_spam_is_kept_from_the_departments_and_looked_at_last(text: str) -> None:
    made = decide_message(message(text), None, policy(), NOW)
    assert made.item is not None, "nothing is thrown away"
    assert (made.decision.action, made.decision.flags) == ("triage", ("spam",))
    assert made.decision.priority < 15
    complaint = decide_message(
        message("Kartımdan casino sitesine para çekilmiş, bilgim dışında harcama"),
        None,
        policy(),
        NOW,
    )
    assert "spam" not in complaint.decision.flags


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
def test_irony_is_no_praise(text: str) -> None:
    assert decide_message(message(text), None, policy(), NOW).decision.sentiment < 0


@pytest.mark.parametrize(
    "text", ["Çok memnun kaldım, teşekkürler", "Thanks, great service, very happy with you"]
)
def test_praise_is_praise(text: str) -> None:
    assert decide_message(message(text), None, policy(), NOW).decision.sentiment > 0


def test_check_digits_decide() -> None:
    assert identity_holds("10000000146")
    assert not identity_holds("10000000147")
    assert iban_holds("TR330006100519786457841326")
    assert not iban_holds("TR330006100519786457841327")


def _later(kind: Any, hours: float, conversation: str) -> Outcome:
    return Outcome(
        id=f"{kind}-{hours}",
        kind=kind,
        brand="default",
        conversation=conversation,
        item="i",
        department="billing",
        at=NOW + timedelta(hours=hours),
    )


def _told(decided: RoutingResult, identifier: str) -> list[str]:
    return [r.text_en for r in decided.decision.reasons if r.id == identifier]


def test_who_writes_again_without_an_answer_is_more_urgent_and_once_only() -> None:
    def said(native: str, hours: float) -> Message:
        return message("hala bekliyorum", native, received_at=NOW + timedelta(hours=hours))

    first = _one(message("Faturam yanlış", "1"))
    soon = _one(said("2", 1), first.state)
    assert _told(soon, "state.waiting") == []
    late = _one(said("3", 26), soon.state)
    assert _told(late, "state.waiting") == ["writes again after 26 hours without an answer"]
    assert late.decision.priority == soon.decision.priority + 10
    later = _one(said("4", 27), late.state)
    assert later.decision.priority == late.decision.priority, "it does not add up"
    assert late.state is not None
    for kind in ("replied", "resolved"):
        state = apply_outcome(
            _later(kind, 26.5, late.state.conversation), late.state, policy().departments, NOW
        )
        assert isinstance(state, ConversationState)
        answered = _one(said("5", 27), state)
        assert _told(answered, "state.waiting") == []
        assert answered.state is not None
        assert answered.state.unanswered_since == NOW + timedelta(hours=27)
        assert (
            apply_outcome(_later(kind, 26.5, state.conversation), state, policy().departments, NOW)
            is None
        )


def test_a_machines_mail_and_an_edit_wait_for_nobody() -> None:
    first = _one(message("Faturam yanlış", "1"))
    automatic = Automatic(kind="out_of_office", evidence="x")
    for more in ({"automatic": automatic}, {"event": Event(kind="edited", of="1")}):
        late = message("x", "2", received_at=NOW + timedelta(days=3), **more)
        assert _told(_one(late, first.state), "state.waiting") == []
    quiet = _one(message("x", "3", automatic=automatic))
    assert quiet.state is not None
    assert quiet.state.unanswered_since is None


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_customers_standing_adds_its_points_and_says_so(tmp_path: Path, separator: str) -> None:
    table = tmp_path / "standing.csv"
    rows = [["handle", "standing", "points"], ["ADA@ornek.example", "altın üye", "15"]]
    table.write_text("\n".join(separator.join(r) for r in rows), encoding="utf-8-sig")
    by = replace(policy(), customer_priorities=load_customer_priorities(table))
    plain = _one(message("Faturam yanlış, adres ada@ornek.example"))
    gold = decide_message(message("Faturam yanlış, adres ada@ornek.example"), None, by, NOW)
    assert gold.decision.priority == plain.decision.priority + 15
    assert _told(gold, "state.standing") == ["customer: altın üye"]
    stranger = Party(handles=(Handle(kind="email", value="eve@ornek.example"),))
    said = decide_message(message("ada@ornek.example yazıyor", sender=stranger), None, by, NOW)
    assert _told(said, "state.standing") == [], "a text proves nothing"


def test_every_mistake_of_the_table_of_standings_is_told_at_once(tmp_path: Path) -> None:
    table = tmp_path / "standing.csv"
    with pytest.raises(ConfigError, match=r"standing\.csv"):
        load_customer_priorities(table)
    table.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_customer_priorities(table)
    table.write_text("who,points\n")
    with pytest.raises(ConfigError, match="first line"):
        load_customer_priorities(table)
    table.write_text("handle,standing,points\na,b,99\n,b,1\na,b,x\na,b\n")
    with pytest.raises(ConfigError) as told:
        load_customer_priorities(table)
    assert [p.split(":")[1] for p in told.value.problems] == [f" line {n}" for n in (2, 3, 4, 5)]
    settings = Settings(router=msgspec.structs.replace(Settings().router, standing=str(table)))
    with pytest.raises(ConfigError):
        build_policy(settings)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_what_would_have_changed_a_decision_changes_it(seed: int) -> None:
    rng = random.Random(seed)
    pool = [m for r in PACK.rules for m in r.match]
    changed = set[str]()
    for _ in range(40):
        text = " ".join(rng.sample(pool, rng.randint(1, 2)))
        made = _one(message(text)).decision
        other = otherwise(made)
        if other is None:
            assert "spam" in made.flags or not made.guesses
            continue
        gone = {r.id for r in other.without}
        rest = [r for r in PACK.rules if r.id not in gone]
        by = replace(policy(), pack=compile_pack("less", tuple(rest)))
        if other.threshold is not None:
            high = min(1.0, other.threshold + 0.0001)
            by = replace(by, threshold=other.threshold if made.action == "triage" else high)
        again = decide_message(message(text), None, by, NOW).decision
        assert (again.department, other.department) == (other.department, again.department), text
        assert again.department != made.department
        changed.add("evidence" if gone else "threshold")
        assert not gone or other.words()
    assert changed == {"evidence", "threshold"}


def test_a_follow_up_has_no_otherwise() -> None:
    first = _one(message("Faturam yanlış", "1"))
    assert otherwise(_one(message("tamam", "2"), first.state).decision) is None
