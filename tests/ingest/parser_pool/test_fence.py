"""`santral parse` within its limits: no input makes it hang, crash or show a traceback."""

import ctypes
import faulthandler
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from cli.offline.trial import Trial
from ingest.parser_pool.fence import run_fenced
from ingest.parser_pool.limits import Limit, limit_of
from runtime.settings.structs import ParsersSettings, Settings
from schemas.errors import Rejected
from tests.support.ingest.poison import Poison
from tests.support.json_body import JsonBody

TIGHT = Limit(cpu_s=0.3, memory_bytes=64 * 1024 * 1024)


def _loops() -> list[str]:
    while True:
        pass


def _eats() -> list[str]:
    blocks = []
    while True:
        blocks.append(bytearray(10_000_000))


def _crashes() -> list[str]:
    faulthandler.disable()  # its report of this crash would look like the tests' own
    return [str(ctypes.string_at(0))]


def _dies() -> list[str]:
    os.kill(os.getpid(), signal.SIGKILL)
    return []


@pytest.mark.parametrize("work", [_loops, _eats, _crashes, _dies])
def test_work_over_its_limit_costs_itself(work: Callable[[], list[str]]) -> None:
    began = time.monotonic()
    with pytest.raises(Rejected, match=r"parser\.limit"):
        run_fenced(work, TIGHT)
    assert time.monotonic() - began < 20


def test_work_that_waits_for_ever_is_given_up() -> None:
    def waits() -> list[str]:
        threading.Event().wait()
        return []

    with pytest.raises(Rejected, match="did not finish within"):
        run_fenced(waits, Limit(cpu_s=0.05, memory_bytes=0))


def test_the_result_of_the_work_comes_back_complete() -> None:
    lines = ["ı" * 1_000_000, ""]
    assert run_fenced(lambda: lines, TIGHT) == lines


@pytest.mark.parametrize("size", [0, 64 * 1024 * 1024])
def test_a_large_delivery_may_cost_more(size: int) -> None:
    limit = limit_of(size, timedelta(seconds=5), 256)
    assert limit.cpu_s == 5 + size / 2**21
    assert limit.memory_bytes == 2**28 + 16 * size


def _try(name: str, raw: bytes) -> JsonBody:
    """Return the line of a trial with a channel whose parser fails."""
    settings = Settings(parsers=ParsersSettings(cpu=timedelta(seconds=0.3), memory_mb=64))
    trial = Trial(settings, name, "default", channels={name: Poison(name)})
    (line,) = trial.run("captured.bin", raw)
    result: JsonBody = json.loads(line)
    return result


@pytest.mark.parametrize(("word", "code"), [("raises", "parser.bug"), ("loops", "parser.limit")])
def test_a_delivery_that_its_parser_fails_on_is_a_line(word: str, code: str) -> None:
    result = _try("api", word.encode())
    assert result["rejected"] == code
    assert "words of a customer" not in result["text"]


@pytest.mark.parametrize("word", ["raises", "loops"])
def test_a_mail_that_its_parser_fails_on_is_an_unreadable_message(word: str) -> None:
    mail = _try("email", f"Subject: Fatura\r\n\r\n{word}".encode())
    assert (mail["subject"], mail["repaired"]) == ("Fatura", ["unreadable"])
