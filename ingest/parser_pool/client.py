"""Starts one parser process, sends it a task, reads its answer, and ends it.

pool.py has a task and gets an Answer for it, or TooSlow, Crashed or Retry.
"""

import asyncio
import contextlib
import signal
from collections.abc import Sequence

import msgspec

from ingest.parser_pool.frames import HEAD_BYTES, MAX_FRAME_BYTES, Answer
from runtime.log import get
from schemas.delays import NEIGHBOUR_S, OUTAGE_S
from schemas.errors import Retry, SantralError

log = get(__name__)

_START_S = 60.0  # a process is ready after half a second, on a busy machine after several
_STOP_S = 2.0


class Crashed(SantralError):
    """A process ended or sent an invalid answer during a task."""


class TooSlow(SantralError):
    """A process exceeded its time limit."""


class ParserClient:
    """One process, which starts when a task needs it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()
        self.stopped = False
        self.error: str | None = None
        """Why the last start failed; None when it succeeded."""

    @property
    def alive(self) -> bool:
        """True while its process runs."""
        return self._process is not None and self._process.returncode is None

    async def prepare(self) -> None:
        """Start a process; a failure is kept in `error` and raised to the next caller."""
        try:
            await self._ready()
        except Retry as error:
            if not self.stopped:
                log.error("parser.unstartable", why=error.text)

    async def ask(self, frame: bytes, wall_s: float) -> Answer:
        """Return the answer to a task; raise TooSlow, Crashed, or Retry without a process.

        Any other end, also a cancelled caller, ends the process, because its next answer would
        still belong to this task.
        """
        process = await self._ready()
        answered = False
        try:
            async with asyncio.timeout(wall_s):
                assert process.stdin is not None
                process.stdin.write(frame)
                answer = await _read(process)
            answered = answer.code != "parser.limit"
            return answer
        except TimeoutError as error:
            raise TooSlow(f"no answer within {wall_s:g} s") from error
        except (EOFError, OSError) as error:
            code = await process.wait()
            if self.stopped:
                raise Retry(NEIGHBOUR_S, "the parser processes are stopping") from error
            if code == -signal.SIGPROF:
                raise TooSlow("it took more CPU time than a delivery may take") from error
            raise Crashed(f"its process ended by {code}") from error
        finally:
            if not answered:
                await self._end()

    async def stop(self) -> None:
        """Give the process a short time to finish its task, and end it for good."""
        self.stopped = True
        async with self._lock:
            if self._process is None:
                return
            if self._process.stdin is not None:
                self._process.stdin.close()
            try:
                async with asyncio.timeout(_STOP_S):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    async def _ready(self) -> asyncio.subprocess.Process:
        async with self._lock:
            if self.stopped:
                raise Retry(NEIGHBOUR_S, "the parser processes are stopping")
            if self._process is not None and self.alive:
                return self._process
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    limit=1 << 20,
                )
                async with asyncio.timeout(_START_S):
                    hello = await _read(self._process)
                if not hello.ready:
                    raise Crashed("it is not one of our processes")
            except (EOFError, OSError, TimeoutError, Crashed) as error:
                await self._end()
                self.error = f"no parser process starts: {type(error).__name__}"
                raise Retry(OUTAGE_S, self.error) from error
            self.error = None
            return self._process

    async def _end(self) -> None:
        """Kill the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()  # reads what it still wrote, so that its pipes are closed


async def _read(process: asyncio.subprocess.Process) -> Answer:
    """Return the next answer; raise EOFError when the process is gone, Crashed if it is invalid."""
    assert process.stdout is not None
    try:
        size = int.from_bytes(await process.stdout.readexactly(HEAD_BYTES))
        if size > MAX_FRAME_BYTES:
            raise Crashed(f"its answer has {size} bytes")
        body = await process.stdout.readexactly(size)
        return msgspec.msgpack.decode(body, type=Answer)
    except msgspec.DecodeError as error:
        raise Crashed("its answer is not valid") from error
