"""Stages as separate processes that start again when they end, as systemd or Kubernetes do it.

A stage keeps the exit code of each of its ends, and says whether the test ended it.
"""

import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psutil

from tests.support import http_clients
from tests.support.json_body import JsonBody

RESTART_S = 1.0
_STOP_S = 20.0


@dataclass(frozen=True)
class Exit:
    """One end of a stage; `wanted` where the test itself ended it."""

    stage: str
    code: int
    moment: float
    wanted: bool


@dataclass
class Stage:
    """One stage: its command, its environment, its log and its process."""

    name: str
    command: list[str]
    environ: dict[str, str]
    tree: Path
    log: Path
    ops: str
    exits: list[Exit] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self._ending = threading.Event()
        self._wanted = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start it, and start it again after each end until `stop`."""
        self._ending.clear()
        self._spawn()
        self._thread = threading.Thread(target=self._supervise, name=self.name, daemon=True)
        self._thread.start()

    def _spawn(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.tree,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _supervise(self) -> None:
        while True:
            assert self.process is not None
            code = self.process.wait()
            self.exits.append(Exit(self.name, code, time.monotonic(), self._wanted))
            self._wanted = False
            if self._ending.wait(RESTART_S):
                return
            self._spawn()

    def kill(self) -> None:
        """End it at once; the supervisor starts it again."""
        self._wanted = True
        assert self.process is not None
        self.process.kill()

    def terminate(self) -> None:
        """Ask it to end, as a deployment does; the supervisor starts it again."""
        self._wanted = True
        assert self.process is not None
        self.process.terminate()

    def freeze(self) -> None:
        """Stop its clock, and those of its own processes."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self.process is not None
        family = psutil.Process(self.process.pid)
        for process in (family, *family.children(recursive=True)):
            process.send_signal(number)

    def problems(self) -> dict[str, str]:
        """Return what /readyz names as wrong; empty when the stage is ready."""
        try:
            answer = http_clients.get(f"{self.ops}/readyz", timeout_s=2)
        except httpx2.HTTPError as error:
            return {"probe": type(error).__name__}
        body: JsonBody = answer.json()
        return {} if answer.status_code == 200 else dict(body["problems"]) or {"probe": "503"}

    def unwanted_exits(self, since: float = 0.0) -> list[Exit]:
        """Return the ends since a moment that the test did not ask for."""
        return [end for end in self.exits if not end.wanted and end.moment >= since]

    def request_stop(self) -> None:
        """Ask it to end for good, once."""
        if self._ending.is_set():
            return
        self._ending.set()
        self._wanted = True
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()

    def stop(self) -> int:
        """End it for good; return its exit code."""
        self.request_stop()
        if self.process is None:
            return 0
        try:
            code = self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        if self._thread is not None:
            self._thread.join(10)
        return code
