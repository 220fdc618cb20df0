"""The frame of a stage: a task that ends before its stage is a failure, however it ends."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest

from runtime.stage import frame
from tests.support.paths import ROOT

Work = Callable[[], Awaitable[None]]


async def _cancelled() -> None:
    """Ends as aiokafka's consumer does when it cancels itself."""
    task = asyncio.ensure_future(asyncio.Event().wait())
    task.cancel()
    await task


async def _returns() -> None:
    await asyncio.sleep(0)


async def _fails() -> None:
    raise OSError("the disk is full")


@pytest.mark.parametrize("work", [_cancelled, _returns])
@pytest.mark.parametrize("finishing", [False, True])
async def test_a_task_that_ends_before_its_stage_is_a_failure(work: Work, finishing: bool) -> None:
    stop = asyncio.Event()
    tasks = () if finishing else (work(),)
    last = (work(),) if finishing else ()
    with pytest.raises(RuntimeError, match=f"ended before its stage: .*{work.__name__}"):
        await frame.until(stop, asyncio.Event().wait(), *tasks, finishing=last)
    assert stop.is_set()


async def test_the_failure_of_a_task_is_raised() -> None:
    with pytest.raises(OSError, match="the disk is full"):
        await frame.until(asyncio.Event(), _cancelled(), _fails())


async def test_a_stop_cancels_the_work_and_waits_for_the_finishing_tasks() -> None:
    stop, finished = asyncio.Event(), asyncio.Event()

    async def finish() -> None:
        await stop.wait()
        await asyncio.sleep(0)
        finished.set()

    asyncio.get_running_loop().call_soon(stop.set)
    await frame.until(stop, asyncio.Event().wait(), finishing=[finish()])
    assert finished.is_set()


_PROGRAM = """
import asyncio
from runtime.stage import frame as stage
from runtime.settings.structs import Settings

async def work() -> None:
    if {cancelled}:
        asyncio.current_task().cancel()
    await asyncio.Event().wait()

async def main(settings, health, clock, stop):
    print("runs", flush=True)
    await stage.until(stop, work())

stage.run("stage", Settings(), main)
"""


_STARTING = """
import asyncio, json, signal, urllib.error, urllib.request
from runtime.stage import frame as stage
from cli.up.ports import free_port
from runtime.settings.structs import OpsSettings, Settings

ops = OpsSettings(port=free_port())

def ready():
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{ops.port}/readyz") as answer:
            return answer.status, json.load(answer)["problems"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["problems"]

async def main(settings, health, clock, stop):
    print(await asyncio.to_thread(ready), flush=True)
    health.add("store", lambda: "is away")
    health.finish_start()
    print(await asyncio.to_thread(ready), flush=True)
    health.add("store", lambda: None)
    print(await asyncio.to_thread(ready), flush=True)

stage.run("stage", Settings(ops=ops), main)
"""


def test_a_stage_is_not_ready_before_it_has_added_its_checks() -> None:
    result = subprocess.run(
        [sys.executable, "-c", _STARTING], capture_output=True, text=True, cwd=ROOT, timeout=30
    )
    starting, away, content = result.stdout.splitlines()
    assert starting.startswith("(503, {'start': "), result.stderr
    assert away == "(503, {'store': 'is away'})"
    assert content == "(200, {})"


@pytest.mark.parametrize(("cancelled", "code"), [(True, 1), (False, 0)])
def test_only_a_signal_ends_a_stage_with_exit_code_0(cancelled: bool, code: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM.format(cancelled=cancelled)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "runs\n"
    if not cancelled:
        process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=30)
    assert process.returncode == code, log
    assert ("ended before its stage" in log) is cancelled
