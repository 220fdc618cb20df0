"""The parser pool with real processes: a failing parser costs only its own delivery."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta

import psutil
import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.parser_pool.pool import ParserPool
from ingest.registry import CHANNELS
from runtime.settings.structs import ParsersSettings
from schemas.errors import Rejected, Retry
from tests.support.ingest.poison import COMMAND, Poison, PoisonAccount
from tests.support.messages import NOW
from tests.support.paths import ROOT
from tests.support.waiting import wait

pytestmark = pytest.mark.slow  # each test starts processes or servers, or waits for a connection

QUICK = ParsersSettings(processes=2, cpu=timedelta(seconds=0.5), memory_mb=64)
CONTEXT = Context(brand="default", settings=PoisonAccount(brand="yan"), signing_key=b"key")


@pytest.fixture(scope="module")
async def pool() -> AsyncIterator[ParserPool]:
    """Two processes that have the poisoned channel, with tight limits."""
    async with ParserPool(QUICK, COMMAND) as processes:
        yield processes


def delivery(text: str) -> Delivery:
    return Delivery(raw=text.encode(), account="a", received_at=NOW, position="p", hint="h")


async def parse(pool: ParserPool, text: str) -> Parsed:
    return await pool.parse(Poison(), delivery(text), CONTEXT)


async def test_a_message_and_its_files_come_back_whole(pool: ParserPool) -> None:
    parsed = await parse(pool, "siparişim nerede filed")
    assert parsed.message.text == "siparişim nerede filed"
    assert (parsed.message.brand, parsed.message.position) == ("yan", "p")
    assert parsed.message.received_at == NOW
    assert parsed.files == ("siparişim nerede filed".encode(),)


async def test_letters_are_put_in_order_away_from_the_event_loop(pool: ParserPool) -> None:
    parsed = await parse(pool, "Sayýn yetkili, sipariþim hala gelmedi, lütfen yardým edin filed")
    assert parsed.message.text.startswith("Sayın yetkili, siparişim hala gelmedi")
    assert "text.mojibake" in parsed.message.repaired


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("loops", "parser.limit"),
        ("eats", "parser.limit"),
        ("dies", "parser.limit"),
        ("crashes", "parser.limit"),
        ("lies", "parser.limit"),
        ("raises", "parser.bug"),
        ("recurses", "parser.bug"),
        ("surrogates", "parser.bug"),
        ("refuses", "json.invalid"),
    ],
)
async def test_a_failing_parser_costs_one_delivery(pool: ParserPool, word: str, code: str) -> None:
    with pytest.raises(Rejected) as caught:
        await parse(pool, word)
    assert caught.value.code == code
    assert "words of a customer" not in caught.value.text
    for number in range(4):
        assert (await parse(pool, f"good {number}")).message.text == f"good {number}"


async def test_others_are_parsed_while_one_loops(pool: ParserPool) -> None:
    looping = asyncio.create_task(parse(pool, "loops"))
    results = await asyncio.gather(*(parse(pool, f"good {n}") for n in range(20)))
    assert [m.message.text for m in results] == [f"good {n}" for n in range(20)]
    assert not looping.done()
    with pytest.raises(Rejected, match=r"parser\.limit"):
        await looping


async def test_a_parser_that_waits_for_ever_is_given_up() -> None:
    settings = ParsersSettings(processes=1, cpu=timedelta(milliseconds=100), memory_mb=64)
    async with ParserPool(settings, COMMAND) as pool:
        with pytest.raises(Rejected, match=r"parser\.limit"):
            await parse(pool, "waits")


async def test_a_librarys_output_does_not_disturb_the_answers(pool: ParserPool) -> None:
    assert (await parse(pool, "it prints")).message.text == "it prints"


async def test_a_process_that_somebody_kills_costs_nothing(pool: ParserPool) -> None:
    await parse(pool, "good")
    for process in psutil.Process().children():
        if "tests.support.ingest.poison" in process.cmdline():
            process.kill()
    assert (await parse(pool, "good")).message.text == "good"


async def test_a_cancelled_caller_leaves_no_answer_to_the_next_one(pool: ParserPool) -> None:
    task = asyncio.create_task(parse(pool, "loops"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    results = await asyncio.gather(*(parse(pool, f"good {n}") for n in range(4)))
    assert [m.message.text for m in results] == [f"good {n}" for n in range(4)]


async def test_an_unreadable_mail_still_has_its_headers(pool: ParserPool) -> None:
    raw = b"From: Ada <ada@musteri.example>\r\nSubject: Fatura\r\n\r\nloops"
    mail = Delivery(raw=raw, account="destek", received_at=NOW)
    parsed = await pool.parse_unreadable(Poison("email"), mail, CONTEXT)
    assert parsed.message.subject == "Fatura"
    assert parsed.message.repaired == ("unreadable",)


async def test_every_channels_account_reaches_the_process() -> None:
    async with ParserPool(ParsersSettings(processes=1)) as pool:
        for channel in CHANNELS.values():
            context = Context(brand="default", settings=channel.account())
            code = ""
            try:
                await pool.parse_in_process(channel, delivery("{"), context)
            except Rejected as error:
                code = error.code
            assert code != "parser.bug", channel.name


async def test_without_a_startable_process_a_delivery_comes_again() -> None:
    async with ParserPool(QUICK, (sys.executable, "-c", "raise SystemExit")) as pool:
        tries = (parse(pool, "good"), parse(pool, "good"))
        for error in await asyncio.gather(*tries, return_exceptions=True):
            assert isinstance(error, Retry)
        assert pool.problem() == "no parser process starts: IncompleteReadError"


def test_the_processes_end_with_their_parent() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ}
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"ready\n"
    children = psutil.Process(parent.pid).children()
    assert len(children) == 2
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    wait("its processes are gone", lambda: not any(c.is_running() for c in children))


_PARENT = """
import asyncio, sys
from ingest.parser_pool.pool import ParserPool
from runtime.settings.structs import ParsersSettings
from tests.support.ingest.poison import COMMAND

async def main():
    async with ParserPool(ParsersSettings(processes=2), COMMAND) as pool:
        await asyncio.gather(*(w.prepare() for w in pool._workers))
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
