"""Commands and logs print no personal number, except to a person with the right to it."""

import json
import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from runtime import log, store
from runtime.settings.structs import Settings
from schemas import envelope, topics
from schemas.dead_letter import DeadLetter, Origin
from schemas.decision import Evidence, Reason
from tests.support.commands import run_command
from tests.support.messages import NOW, message
from tests.support.router.decisions import decision_with
from tests.support.router.transactions import write_transaction
from tests.support.workers.personal_numbers import IBAN, IDENTITY
from workers.recorder.rows import Rows, add_record
from workers.recorder.sql import write_rows
from workers.run import MIGRATIONS

MESSAGE = "7d1f0c52-3a55-5b0e-9d7f-2f6c1c1c9d11"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A home with a store, in which a decision and a dead letter quote numbers."""
    url = f"sqlite:///{tmp_path}/var/santral.db"
    (tmp_path / "var").mkdir()
    store.migrate(url, MIGRATIONS)
    quoted = Evidence(start=0, end=11, text=IDENTITY)
    reason = Reason(kind="rule", id="r", version="1", evidence=(quoted,), text_en="says a number")
    decided = decision_with(message=MESSAGE, reasons=(reason,))
    letter = DeadLetter(
        id=MESSAGE,
        stage="ingest",
        source="api:a",
        code="json.invalid",
        at=NOW,
        text=f"not a number: {IBAN}",
        origin=Origin(hint=IDENTITY),
    )
    rows = Rows()
    add_record(rows, topics.DECISIONS.name, 0, 0, envelope.encode(decided))
    add_record(rows, topics.DEAD.name, 0, 0, envelope.encode(letter))
    engine = store.engine(url)
    with engine.begin() as connection:
        write_rows(connection, rows)
    engine.dispose()
    return tmp_path


def _shown(result: "subprocess.CompletedProcess[str]") -> list[str]:
    assert result.returncode == 0, result.stderr
    return [n for n in (IDENTITY, IBAN) if n in result.stdout + result.stderr]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["explain", MESSAGE], [IDENTITY]),
        (["dead", "show", MESSAGE], [IDENTITY, IBAN]),
        (["dead", "list"], []),
        (["dead", "list", "--json"], []),
    ],
)
def test_a_command_shows_personal_numbers_only_with_the_right_to_them(
    here: Path, words: list[str], numbers: list[str]
) -> None:
    assert _shown(run_command(here, *words)) == []
    if not numbers:
        return
    refused = run_command(here, *words, "--personal")
    assert refused.returncode == 2
    assert "SANTRAL_TOKENS__PERSONAL" in refused.stderr
    right = run_command(here, *words, "--personal", SANTRAL_TOKENS__PERSONAL="p" * 32)
    assert _shown(right) == numbers


def test_tap_masks_the_records_that_it_prints(kafka: Settings, tmp_path: Path) -> None:
    original = message(f"Numaram {IDENTITY}", native_id=IDENTITY)
    write_transaction(
        kafka, topics.MESSAGES.name, [envelope.encode(original).decode(), f"no JSON {IDENTITY}"]
    )
    environ = {"SANTRAL_KAFKA__BOOTSTRAP": kafka.kafka.bootstrap}
    words = ["tap", "messages", "--until-now"]
    masked = run_command(tmp_path, *words, **environ)
    assert _shown(masked) == []
    first = json.loads(masked.stdout.splitlines()[0])
    assert (first["id"], first["text"]) == (original.id, "Numaram ********146")
    right = run_command(
        tmp_path, *words, "--personal", SANTRAL_TOKENS__PERSONAL="p" * 32, **environ
    )
    assert _shown(right) == [IDENTITY]


@pytest.fixture
def _log_as_before() -> Iterator[None]:
    """Leave logging as it was."""
    handlers = logging.getLogger().handlers
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers = handlers


@pytest.mark.usefixtures("_log_as_before")
def test_a_log_line_masks_the_text_of_a_stranger(capfd: pytest.CaptureFixture[str]) -> None:
    log.configure("test", as_json=True)
    try:
        raise ValueError(f"bad value {IBAN}")
    except ValueError:
        log.get("x").exception("hook.bug", text=f"TC {IDENTITY}", at={"value": IDENTITY})
    event = json.loads(capfd.readouterr().err)
    assert event["event"] == "hook.bug"
    assert IDENTITY not in str(event)
    assert IBAN not in str(event)


@pytest.mark.slow
def test_an_empty_list_of_dead_letters_says_so(here: Path) -> None:
    result = run_command(here, "dead", "list", "--code", "mime.empty")
    assert (result.returncode, result.stdout) == (0, "")
    assert "no dead letters with the code mime.empty" in result.stderr
