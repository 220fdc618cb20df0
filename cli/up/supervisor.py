"""The supervisor of `santral up`, which runs the whole local profile.

It starts Kafka, Valkey and every stage in order, watches each, and restarts it after a growing
delay. Everything is under one folder, and on loopback only. Ctrl-C ends all of it. When the
supervisor itself is killed, the kernel ends its children.
"""

import asyncio
import fcntl
import functools
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import msgspec

from cli.up.access import Access, make_access
from cli.up.child import Child, bind_to_parent, describe_ending, end, is_alive, is_ready
from cli.up.kafka import Broker
from cli.up.kafka_jars import DownloadProgress, fetch
from cli.up.ports import Choice, choose_ports, free_port
from cli.up.valkey import valkey as valkey_child
from runtime.clock import SystemClock
from runtime.http import sign_in_link
from runtime.settings.load import SIGNING_FILE
from runtime.settings.structs import Settings
from runtime.settings.token_rules import token_problems
from runtime.topics.creation import check_created, check_promises, create_topics
from runtime.topics.rules import PARTITIONS
from schemas.errors import ConfigError, Problem, Unavailable
from schemas.topics import all_topics

# A child that lived this long is healthy: its next restart is quick again.
_HEALTHY_S = 30.0
_LONGEST_DELAY_S = 30.0
_READY_S = 120.0
_DEMO_LINES = 100_000  # a minute
_LOG_LIMIT = 10 * 1024 * 1024

Say = Callable[[str], None]


class Supervisor:
    """Starts, watches and stops the children."""

    def __init__(
        self, settings: Settings, say: Say, demo_rate: float | None, ports: Choice
    ) -> None:
        self._settings, self._say, self._demo_rate = settings, say, demo_rate
        self._ports = ports
        self._home = settings.home_path
        self._stop = asyncio.Event()
        self._children: list[Child] = []
        self._watching: list[asyncio.Task[None]] = []
        self._lock: IO[str] | None = None

    def request_stop(self) -> None:
        """End everything soon."""
        self._stop.set()

    async def run(self) -> None:
        """Start everything, watch it until a stop is requested, stop everything."""
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.request_stop)
        if problems := token_problems(self._settings.tokens):
            raise ConfigError(problems)
        self._occupy()
        try:
            access = await self._start()
            if not self._stop.is_set():
                self._print_addresses(access, time.monotonic() - began)
            await self._stop.wait()
            self._say("stopping …")
        finally:
            await self._end()

    def _occupy(self) -> None:
        """Take the folder for this supervisor alone, and see that there is room."""
        try:
            self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = (self._home / "lock").open("a+")
        except OSError as error:
            raise Unavailable(
                f"{self._home} can't be written ({error.strerror}). Set SANTRAL_HOME to a folder "
                "that can."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Unavailable(
                f"santral is already up in {self._home}: stop that one first, or set "
                "SANTRAL_HOME to another folder."
            ) from error
        free = shutil.disk_usage(self._home).free // (1024 * 1024)
        if free < self._settings.local.min_free_mb:
            raise Unavailable(
                f"only {free} MB are free under {self._home}, "
                f"{self._settings.local.min_free_mb} MB are needed: make room, or set "
                "SANTRAL_HOME to another disk."
            )

    async def _start(self) -> Access:
        local, home = self._settings.local, self._home
        ports = choose_ports(self._settings, self._ports)
        jars = Path(os.environ.get("SANTRAL_JARS") or home / "kafka" / "jars").absolute()
        await asyncio.to_thread(fetch, jars, DownloadProgress(sys.stdout))
        broker = Broker(home / "kafka", jars, ports.kafka, ports.controller, local.kafka_heap_mb)
        await asyncio.to_thread(broker.prepare)
        valkey = valkey_child(home, ports.redis)
        kafka = Child("kafka", broker.command())
        await self._spawn(valkey)
        await self._spawn(kafka)
        await asyncio.to_thread(broker.wait, lambda: is_alive(kafka))
        await self._until(valkey)
        self._watch(kafka)
        self._watch(valkey)
        await asyncio.to_thread(self._topics, broker.bootstrap)
        access = make_access(self._settings, ports)
        # The console first: it brings the store up to date. The door last: it opens the road.
        stages = [
            self._stage(access, "console", ["console"], f"http://127.0.0.1:{ports.console}/readyz"),
            self._stage(access, "router", ["router"]),
            self._stage(access, "recorder", ["workers", "--only", "recorder"]),
            self._stage(access, "desk", ["workers", "--only", "desk", "--only", "replies"]),
            self._stage(access, "watch", ["watch"]),
            self._stage(access, "ingest", ["ingest"], f"http://127.0.0.1:{ports.door}/readyz"),
        ]
        access.save(home / "access.json")
        if self._demo_rate is not None:
            # Before the watch begins: it reads what is usual once.
            past = self._stage(access, "demo-past", ["demo", "--past", *self._played()], ops=False)
            await self._spawn(past)
            assert past.process is not None
            if await past.process.wait():
                self._say(f"the demo's past is missing; log: {home / 'log' / past.name}.log")
            self._children.remove(past)
        for child in stages:
            await self._spawn(child)
            self._watch(child)
        for child in stages:
            await self._until(child)
        if self._demo_rate is not None:
            demo = self._stage(access, "demo", ["demo", *self._played()], ops=False)
            await self._spawn(demo)
            self._watch(demo)
        return access

    def _played(self) -> list[str]:
        return ["--rate", str(self._demo_rate)]

    def _stage(
        self,
        access: Access,
        name: str,
        command: list[str],
        ready_url: str | None = None,
        *,
        ops: bool = True,
    ) -> Child:
        environ = access.environ()
        environ["SANTRAL_HOME"] = str(self._home)
        environ["SANTRAL_TOKENS__SIGNING"] = self._signing()
        if name == "ingest" and self._demo_rate is not None:
            # Every customer of the demo writes from one address: this machine's.
            lines = str(_DEMO_LINES)
            environ["SANTRAL_LIMITS__CHAT_LINES_BY_ADDRESS"] = lines
            environ["SANTRAL_LIMITS__CHAT_LINES"] = lines
        port = free_port()
        url = ready_url or f"http://127.0.0.1:{port}/readyz"
        if ops:
            access.ops[name] = f"http://127.0.0.1:{port}"
        return Child(
            name,
            [sys.executable, "-m", "cli.main", *command],
            {**environ, "SANTRAL_OPS__PORT": str(port)},
            ready=(lambda: is_ready(url)) if ops else (lambda: True),
        )

    def _signing(self) -> str:
        """The key of our mails' tokens and of chat sessions: made once, kept with the data."""
        if self._settings.tokens.signing:
            return self._settings.tokens.signing
        path = self._home / SIGNING_FILE
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32))
        return path.read_text().strip()

    def _topics(self, bootstrap: str) -> None:
        kafka = msgspec.structs.replace(self._settings.kafka, bootstrap=bootstrap)
        topics = all_topics(tuple(self._settings.departments))
        created, problems = create_topics(kafka, topics)
        findings = check_created(kafka, topics, created)
        problems += check_promises(kafka, topics)
        problems += [Problem(str(f)) for f in findings if f.setting == PARTITIONS]
        if problems:
            raise ConfigError(problems)

    async def _spawn(self, child: Child) -> None:
        if child not in self._children:
            self._children.append(child)
        path = self._home / "log" / f"{child.name}.log"
        path.parent.mkdir(exist_ok=True)
        if path.exists() and path.stat().st_size > _LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as log:
            child.process = await asyncio.create_subprocess_exec(
                *child.command,
                stdin=subprocess.DEVNULL,
                stderr=log,
                # The demo prints its progress for the person who started it.
                stdout=None if child.name == "demo" else log,
                env={**os.environ, **child.environ},
                preexec_fn=functools.partial(bind_to_parent, os.getpid()),
                start_new_session=True,
            )

    def _watch(self, child: Child) -> None:
        self._watching.append(asyncio.create_task(self._keep(child)))

    async def _keep(self, child: Child) -> None:
        """Restart a child whenever it ends, after a longer delay each time that it ends young."""
        delay = 0.5
        while True:
            assert child.process is not None
            born = time.monotonic()
            code = await child.process.wait()
            if self._stop.is_set() or (child.name == "demo" and code == 0):
                return
            delay = 0.5 if time.monotonic() - born > _HEALTHY_S else delay
            child.restarts += 1
            self._say(
                f"{child.name} ended ({describe_ending(code)}) and starts again in {delay:g} s; "
                f"log: {self._home / 'log' / child.name}.log"
            )
            await asyncio.sleep(delay)
            delay = min(_LONGEST_DELAY_S, delay * 2)
            try:
                await self._spawn(child)
            except OSError as error:
                self._say(f"{child.name} can't be started: {error.strerror}")

    async def _until(self, child: Child) -> None:
        """Wait until a child is ready; raise Unavailable with the end of its log if it isn't."""
        until = time.monotonic() + _READY_S
        while time.monotonic() < until and not self._stop.is_set():
            if await asyncio.to_thread(child.ready):
                return
            if child.restarts >= 3:
                break
            await asyncio.sleep(0.05)
        if self._stop.is_set():
            return
        path = self._home / "log" / f"{child.name}.log"
        lines = path.read_text(errors="replace").splitlines()[-5:] if path.exists() else []
        raise Unavailable(
            f"{child.name} does not get ready. Its log {path} ends so:\n" + "\n".join(lines)
        )

    async def _end(self) -> None:
        """Stop the stages, the door first, then Valkey, then Kafka."""
        self._stop.set()
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        order = {"demo": 0, "ingest": 1, "valkey": 3, "kafka": 4}
        for rank in range(5):
            group = [c for c in self._living_children() if order.get(c.name, 2) == rank]
            await asyncio.gather(*(end(c) for c in group))
        (self._home / "access.json").unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()

    def _living_children(self) -> list[Child]:
        return [c for c in self._children if is_alive(c)]

    def _print_addresses(self, access: Access, seconds: float) -> None:
        home = self._home
        link = sign_in_link.make(
            access.tokens["console"], secrets.token_hex(16), SystemClock().now()
        )
        other = f"export SANTRAL_HOME={home}; " if home != Path("var").absolute() else ""
        self._say(
            f"santral is up after {seconds:.1f} s\n\n"
            f"  console   {access.console}/?token={link}   (signs in once, within an hour)\n"
            f"  door      {access.door}   (POST /v1/messages; web chat to try: /chat)\n"
            f"  kafka     {access.kafka}\n"
            f"  redis     {access.redis}\n"
            f"  store     {access.store}\n"
            f"  tokens    {home / 'access.json'}\n"
            f"  logs      {home / 'log'}\n\n"
            f"In another terminal:  . .venv/bin/activate; {other}santral status\n"
            "Send something:       santral send --text 'Kargom nerede?'\n"
            "Ctrl-C stops all of it; everything is kept."
        )
