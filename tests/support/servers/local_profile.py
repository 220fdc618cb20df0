"""`santral up` as a process of a test, with the requests of senders and agents."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import psutil

from tests.support import http_clients
from tests.support.http_clients import NO_CERTIFICATES
from tests.support.json_body import JsonBody
from tests.support.paths import JARS, ROOT
from tests.support.waiting import wait

PERSONAL_TOKEN = "right-to-personal-numbers"


class LocalProfile:
    """`santral up` as a process, and its addresses."""

    def __init__(self, home: Path, config: str = "", **environ: str) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.config = home / "santral.toml"
        self.config.write_text(config)
        self.environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("SANTRAL_")},
            "SANTRAL_HOME": str(home / "var"),
            "SANTRAL_JARS": str(JARS),
            "SANTRAL_CONFIG": str(self.config),
            "SANTRAL_LOCAL__KAFKA_PORT": "0",
            "SANTRAL_LOCAL__REDIS_PORT": "0",
            "SANTRAL_DOOR__PORT": "0",
            "SANTRAL_CONSOLE__PORT": "0",
            **environ,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.access: JsonBody = {}

    def start(self, *more: str) -> "LocalProfile":
        """Start it, with `more` options, and wait until it says that it is up."""
        out = (self.home / "up.log").open("ab")
        before = out.tell()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "up", *more],
            stdout=out,
            stderr=out,
            cwd=ROOT,
            env=self.environ,
            stdin=subprocess.DEVNULL,
        )
        out.close()

        def ready() -> bool:
            log = (self.home / "up.log").read_bytes()[before:].decode()
            assert self.process is not None
            assert self.process.poll() is None, log
            return "santral is up" in log

        wait("santral is up", ready, 120)
        self.access = json.loads((self.home / "var" / "access.json").read_text())
        return self

    def stop(self, number: int = signal.SIGINT) -> int:
        """Stop it and return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(60)

    def log(self, name: str) -> str:
        """Return a child's log."""
        return (self.home / "var" / "log" / f"{name}.log").read_text(errors="replace")

    def children(self) -> dict[str, psutil.Process]:
        """Return the running children by what they are."""
        assert self.process is not None
        children = {}
        for child in psutil.Process(self.process.pid).children():
            try:
                command = child.cmdline()
            except psutil.Error:
                continue
            if "cli.main" in command:
                rest = command[command.index("cli.main") + 1 :]
                children[rest[2] if rest[0] == "workers" else rest[0]] = child
            elif "kafka.Kafka" in command:
                children["kafka"] = child
            elif command and "valkey" in command[0]:
                children["valkey"] = child
        return children

    def ready(self, name: str) -> bool:
        """Say whether a stage answers that it is ready."""
        try:
            access = json.loads((self.home / "var" / "access.json").read_text())
            return http_clients.get(f"{access['ops'][name]}/readyz").status_code == 200
        except (httpx2.HTTPError, KeyError):
            return False

    def cli(
        self, *words: str, stdin: bytes = b"", timeout_s: float = 120
    ) -> "subprocess.CompletedProcess[str]":
        """Run a santral command against it."""
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *words],
            capture_output=True,
            cwd=ROOT,
            env=self.environ,
            input=stdin.decode(),
            text=True,
            check=False,
            timeout=timeout_s,
        )

    def http(self, token: str = "door", base: str = "door") -> httpx2.Client:
        """Return a client of the door, with a token."""
        headers = {"Authorization": f"Bearer {self.access['tokens'][token]}"}
        return httpx2.Client(
            base_url=self.access[base], headers=headers, timeout=40, verify=NO_CERTIFICATES
        )

    def send(self, text: str, native: str, **more: object) -> dict[str, str]:
        """Hand a message to the API and return its ids."""
        body = {"native_id": native, "text": text, "sender": {"email": "ada@ornek.example"}} | more
        with self.http() as door:
            answer = door.post("/v1/messages", json=body)
        assert answer.status_code == 202, answer.text
        ids: dict[str, str] = answer.json()
        return ids

    def message(self, identifier: str, until: Callable[[JsonBody], object]) -> JsonBody:
        """Return a message once `until` holds for it."""

        def present_state() -> JsonBody | None:
            with self.http("console") as console:
                answer = console.get(f"/v1/messages/{identifier}")
            message: JsonBody = answer.json()
            return message if answer.status_code == 200 and until(message) else None

        return wait(f"message {identifier}", present_state) or {}

    def claim(self, department: str, conversation: str, agent: str = "ali") -> JsonBody:
        """Claim at a desk until the item of that conversation comes."""

        def claimed_item() -> JsonBody | None:
            with self.http("desk") as desk:
                answer = desk.post(
                    f"/v1/desk/{department}/claim", json={"agent": agent, "count": 100}
                )
            if answer.status_code == 503:
                return None  # the desk reads its queues after a start, and answers with Retry-After
            items = [i for i in answer.json()["items"] if i["conversation"] == conversation]
            return items[0] if items else None

        return wait(f"an item at {department}", claimed_item) or {}

    def act(self, item: JsonBody, verb: str, **body: object) -> httpx2.Response:
        """Do something with a claimed item."""
        with self.http("desk") as door:
            return door.post(
                f"/v1/desk/items/{item['id']}/{verb}", json={"lease": item["lease"], **body}
            )
