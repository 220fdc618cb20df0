"""`santral explain` and `santral follow` speak Turkish or English, in the words of the pages."""

from datetime import timedelta

import pytest
from click.testing import CliRunner

from cli.main import main
from cli.offline.descriptions import Wording, describe_answer, describe_decision, wording_of
from schemas.http_api.bodies import MessageOut
from schemas.outcome import Outcome
from schemas.routing.departments import DEFAULT
from tests.support.messages import NOW, message
from tests.support.router.decisions import decide_default

TURKISH, ENGLISH = wording_of("tr", DEFAULT), wording_of("en", DEFAULT)
INVOICE = message("Faturam yanlış, fazla para aldınız")


@pytest.mark.parametrize(
    ("wording", "expected", "foreign"),
    [
        (TURKISH, ["Fatura ve Ödeme", "şikâyet", "Öncelik: ", "faturadan söz ediyor"], "Priority"),
        (ENGLISH, ["Billing", "complaint", "Priority: ", "speaks of an invoice"], "Öncelik"),
    ],
    ids=["tr", "en"],
)
def test_a_decision_is_described_in_one_language(
    wording: Wording, expected: list[str], foreign: str
) -> None:
    described = "\n".join(describe_decision(decide_default(INVOICE).decision, wording))
    for words in expected:
        assert words in described
    assert foreign not in described


def test_a_department_that_the_settings_lack_is_shown_by_its_id() -> None:
    described = describe_decision(decide_default(INVOICE).decision, wording_of("tr", {}))
    assert next(described).startswith("billing (")


def test_the_events_of_a_message_are_described_in_their_order() -> None:
    outcome = Outcome(
        id="o",
        kind="resolved",
        brand="default",
        conversation=INVOICE.conversation,
        item=INVOICE.id,
        department="billing",
        at=NOW + timedelta(hours=1),
        agent="ali",
        text="Düzelttik",
    )
    answer = MessageOut(
        message=INVOICE, decision=decide_default(INVOICE).decision, outcomes=(outcome,)
    )
    received, decided, *_, resolved = describe_answer(answer, TURKISH)
    assert "geldi: Yazılım (API)" in received
    assert "karar: Fatura ve Ödeme" in decided
    assert resolved.endswith("Çözülen: Fatura ve Ödeme · ali · Düzelttik")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("locale", "arguments", "title"),
    [
        ("tr_TR.UTF-8", [], "Fatura ve Ödeme"),
        ("C.UTF-8", [], "Billing"),
        ("tr_TR.UTF-8", ["--lang", "en"], "Billing"),
    ],
)
def test_the_language_is_that_of_the_system_or_of_the_option(
    locale: str, arguments: list[str], title: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("texts") / "text.txt"
    file.write_text(INVOICE.text)
    environ = {"LC_ALL": locale}
    result = CliRunner().invoke(main, ["explain", str(file), *arguments], env=environ)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{title} (")
