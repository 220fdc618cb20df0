"""Settings: one TOML file, SANTRAL_* for secrets and overrides, all mistakes at once.

Before: a command names the file. After: every stage takes a Settings. Tables of channels and
actions are checked by the Struct that their own file declares (`section`).

An override is SANTRAL_ and the key's path, joined by two underscores:
SANTRAL_KAFKA__BOOTSTRAP=broker:9092 sets `bootstrap` in `[kafka]`.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec

from runtime.limits import Limits
from schemas.base import Record
from schemas.departments import DEFAULT, Department
from schemas.errors import ConfigError, Problem

R = TypeVar("R", bound=msgspec.Struct)
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Points = Annotated[int, msgspec.Meta(ge=0, le=100)]
Count = Annotated[int, msgspec.Meta(ge=1)]
FILE = "santral.toml"
SIGNING_FILE = "signing.key"
PREFIX = "SANTRAL_"
_NOT_KEYS = {"SANTRAL_HOME", "SANTRAL_CONFIG", "SANTRAL_JARS"}
_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*$")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Kafka(Record, frozen=True, kw_only=True):
    """The broker. `partitions` is for conversations, and can't shrink later.

    Every partition that a transaction writes to costs latency: a router process for each two or
    three of them is plenty.
    """

    bootstrap: str = "127.0.0.1:9092"
    partitions: Count = 4
    queue_partitions: Count = 1
    replication: Count = 1
    ack_timeout: timedelta = timedelta(seconds=10)
    security: dict[str, str] = msgspec.field(default_factory=dict)


class Redis(Record, frozen=True, kw_only=True):
    """Redis or Valkey: a cache of Kafka, free to be emptied."""

    url: str = "redis://127.0.0.1:6379/0"


class Store(Record, frozen=True, kw_only=True):
    """The SQL store; an empty url is a SQLite file under home."""

    url: str = ""


class Archive(Record, frozen=True, kw_only=True):
    """Where raw bytes and attachments lie; an empty url is a folder under home."""

    url: str = ""


class Scan(Record, frozen=True, kw_only=True):
    """ClamAV: `address` is HOST:PORT or a socket's path; empty means that nothing is scanned.

    When it is away a delivery waits where it came from, or goes on as `attachment.unscanned`, as
    do files over `max_file` bytes (clamd's StreamMaxLength).
    """

    address: Annotated[str, msgspec.Meta(pattern=r"^$|^/.|^.*:\d{1,5}$")] = ""
    when_away: Literal["wait", "pass"] = "wait"
    timeout: timedelta = timedelta(seconds=60)
    max_file: Count = 25 * 1024 * 1024


class Parsers(Record, frozen=True, kw_only=True):
    """The processes that parse strangers' bytes. A delivery may cost `cpu` seconds of CPU time plus
    half a second per megabyte, and `memory_mb` megabytes of memory plus 16 per megabyte. Over a
    limit its process ends, and the delivery continues as `parser.limit`."""

    processes: Count = 2
    cpu: timedelta = timedelta(seconds=5)
    memory_mb: Annotated[int, msgspec.Meta(ge=64)] = 256


class Listen(Record, frozen=True, kw_only=True):
    """An address to listen on; port 0 takes a free one. Loopback unless told otherwise."""

    host: str = "127.0.0.1"
    port: Port = 0


class Door(Listen, frozen=True, kw_only=True):
    """The HTTP and WebSocket door. `max_body` in bytes; `desk_url` is where the desk API lives."""

    port: Port = 8400
    max_body: Count = 32 * 1024 * 1024
    max_json: Count = 1024 * 1024
    desk_url: str = "http://127.0.0.1:8401"


class MailDoor(Listen, frozen=True, kw_only=True):
    """The LMTP or SMTP server for a mail server in front, which queues while Kafka is away.

    It takes what is for the `addresses` of the email accounts. `certificate` and `key` are PEM
    files, for STARTTLS; `max_mail` in bytes.
    """

    protocol: Literal["off", "lmtp", "smtp"] = "off"
    port: Port = 2424
    max_mail: Count = 64 * 1024 * 1024
    certificate: str = ""
    key: str = ""
    require_tls: bool = False


class Console(Listen, frozen=True, kw_only=True):
    """The console, the desk's API and the read API. `https` marks the session cookie Secure."""

    port: Port = 8401
    https: bool = False
    door_url: str = "http://127.0.0.1:8400"


class Tokens(Record, frozen=True, kw_only=True):
    """Access tokens; give them by SANTRAL_TOKENS__DOOR and so on, not in the file. Who has that of
    `personal` may see identity, tax, IBAN and card numbers on the pages; without one nobody may."""

    door: str = ""
    desk: str = ""
    console: str = ""
    signing: str = ""
    personal: str = ""


class Shadow(Record, frozen=True, kw_only=True):
    """A candidate beside what is live: its decisions are counted and go nowhere. Without `models`
    it has those of [router]."""

    pack: str = ""
    models: tuple[str, ...] = ()


class Router(Record, frozen=True, kw_only=True):
    """How the router works. An empty `pack` is the default pack; `models` are files of
    `santral train`, one a task; `patterns` are regular expressions for the brand's own numbers, by
    kind (order_number, customer_no, …): the first group, if there is one, is the number; `standing`
    is a CSV file of customers who are more (or less) urgent: handle,standing,points."""

    pack: str = ""
    models: tuple[str, ...] = ()
    patterns: dict[str, str] = msgspec.field(default_factory=dict)
    standing: str = ""
    shadow: Shadow = Shadow()
    batch: Count = 2000
    threshold: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    forget_after: timedelta = timedelta(days=90)
    poison_in_a_row: Count = 1000


class Watch(Record, frozen=True, kw_only=True):
    """When the watch opens an incident: so many `customers` with something in common within two
    hours, so much likelier than usual (`score`, a natural logarithm: more finds less and cries wolf
    less often), once `learn` messages and a day of the brand are known. It closes after `quiet`.

    Messages of an open incident are `points` more urgent, of a confirmed one
    `points_confirmed`.
    """

    customers: Annotated[int, msgspec.Meta(ge=3)] = 5
    score: Annotated[float, msgspec.Meta(ge=1)] = 12.0
    learn: Count = 300
    quiet: timedelta = timedelta(hours=1)
    points: Points = 10
    points_confirmed: Points = 20


class Desk(Record, frozen=True, kw_only=True):
    """How long a lease lasts, and how many seconds of waiting one point of priority is worth."""

    lease: timedelta = timedelta(seconds=120)
    priority_point: timedelta = timedelta(seconds=90)


class Replies(Record, frozen=True, kw_only=True):
    """What is sent by itself, and the loop guard on what Santral sends."""

    acknowledge: bool = True
    acknowledge_once_in: timedelta = timedelta(hours=24)
    per_address_per_hour: Count = 20


class Ops(Listen, frozen=True, kw_only=True):
    """Where a stage answers /livez, /readyz and /metrics; the watchdog's patience."""

    stall: timedelta = timedelta(seconds=90)


class Local(Record, frozen=True, kw_only=True):
    """`santral up`: the ports of what it starts; 0 takes a free one."""

    kafka_port: Port = 19092
    controller_port: Port = 0
    redis_port: Port = 16379
    kafka_heap_mb: Count = 384
    min_free_mb: Count = 512


class Settings(Record, frozen=True, kw_only=True):
    """Everything that can be set."""

    home: str = "var"
    brand: str = "default"
    log_level: str = "info"
    kafka: Kafka = Kafka()
    redis: Redis = Redis()
    store: Store = Store()
    archive: Archive = Archive()
    scan: Scan = Scan()
    parsers: Parsers = Parsers()
    door: Door = Door()
    mail_door: MailDoor = MailDoor()
    console: Console = Console()
    tokens: Tokens = Tokens()
    router: Router = Router()
    watch: Watch = Watch()
    desk: Desk = Desk()
    replies: Replies = Replies()
    limits: Limits = Limits()
    ops: Ops = Ops()
    local: Local = Local()
    departments: dict[str, Department] = msgspec.field(default_factory=lambda: dict(DEFAULT))
    channels: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    actions: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)

    @property
    def home_path(self) -> Path:
        """The folder under which everything local is kept."""
        return Path(self.home).absolute()

    @property
    def store_url(self) -> str:
        """The SQLAlchemy url of the store."""
        return self.store.url or f"sqlite:///{self.home_path / 'santral.db'}"

    @property
    def journal_path(self) -> Path:
        """The folder of deliveries that wait for Kafka: beside the archive."""
        return self.archive_path / "pending"

    @property
    def archive_path(self) -> Path:
        """The folder of the archive."""
        return Path(self.archive.url.removeprefix("file://") or self.home_path / "archive")


def load(
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    sections: Mapping[str, type[msgspec.Struct]] | None = None,
) -> Settings:
    """Read the settings; raise ConfigError with every mistake found.

    `file` defaults to SANTRAL_CONFIG or ./santral.toml if that is there. `sections` maps
    `channels.email` and the like to the Struct of one account.
    """
    environ = os.environ if environ is None else environ
    problems: list[Problem] = []
    path, tree = _read(file, environ)
    _override(tree, environ, problems)
    _running(tree, environ)
    made = section(Settings, tree, str(path), "", problems)
    for name, struct in (sections or {}).items():
        group, _, kind = name.partition(".")
        accounts = (tree.get(group) or {}).get(kind) if isinstance(tree.get(group), dict) else None
        for account, table in (accounts or {}).items() if isinstance(accounts, dict) else ():
            section(struct, table, str(path), f"{name}.{account}", problems)
    if problems or made is None:
        raise ConfigError(problems)
    return made


def names_broker(file: Path | None = None, environ: Mapping[str, str] | None = None) -> bool:
    """Say whether the file or the environment gives Kafka's address; otherwise it is our guess."""
    environ = os.environ if environ is None else environ
    _, tree = _read(file, environ)
    _override(tree, environ, [])
    kafka = tree.get("kafka")
    return isinstance(kafka, dict) and "bootstrap" in kafka


def _read(file: Path | None, environ: Mapping[str, str]) -> tuple[Path, dict[str, Any]]:
    """Return the settings file's path and its contents."""
    named = file or (Path(environ["SANTRAL_CONFIG"]) if environ.get("SANTRAL_CONFIG") else None)
    path = named or Path(FILE)
    if path.exists():
        try:
            return path, tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(
                [Problem(f"{path} is not TOML: {error}. Correct that line.")]
            ) from error
    if named:
        raise ConfigError([Problem(f"{path}: no such file. Give the right path by --config.")])
    return path, {}


def home(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder of everything local: SANTRAL_HOME, or var/ here."""
    environ = os.environ if environ is None else environ
    return Path(environ.get("SANTRAL_HOME") or "var").absolute()


def _running(tree: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Where nothing else is said, take the addresses and tokens of the profile that runs here."""
    path = Path(tree.get("home") or home(environ)) / "access.json"
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return
    found = {
        "kafka": {"bootstrap": told.get("kafka")}, "redis": {"url": told.get("redis")},
        "store": {"url": told.get("store")},
        "tokens": {**(told.get("tokens") or {}), "signing": _signing_key(path.parent)},
        "door": {"desk_url": told.get("console")}, "console": {"door_url": told.get("door")},
    }  # fmt: skip
    for table, values in found.items():
        at = tree.setdefault(table, {})
        for key, value in (values or {}).items():
            if isinstance(at, dict) and value:
                at.setdefault(key, value)


def _signing_key(folder: Path) -> str:
    """Return the signing key that `santral up` made, or an empty one where there is none."""
    try:
        return (folder / SIGNING_FILE).read_text().strip()
    except OSError:
        return ""


def _override(tree: dict[str, Any], environ: Mapping[str, str], problems: list[Problem]) -> None:
    if environ.get("SANTRAL_HOME"):
        tree["home"] = environ["SANTRAL_HOME"]
    for name, value in environ.items():
        if not name.startswith(PREFIX) or name in _NOT_KEYS:
            continue
        *tables, key = name.removeprefix(PREFIX).lower().split("__")
        at: Any = tree
        for table in tables:
            at = at.setdefault(table, {}) if isinstance(at, dict) else None
        if not isinstance(at, dict):
            problems.append(Problem(f"{name}: {'.'.join(tables)} is not a table. Unset it."))
        else:
            at[key] = value


def section(
    struct: type[R], table: object, file: str, path: str, problems: list[Problem]
) -> R | None:
    """Return the Struct that a table holds, or None after adding what is wrong to `problems`."""
    place = f"{file}: [{path}]" if path else file
    if not isinstance(table, dict):
        problems.append(Problem(f"{place}: is {table!r}, not a table. Write [{path}]."))
        return None
    fields = {f.encode_name: f for f in msgspec.structs.fields(struct)}
    values: dict[str, Any] = {}
    before = len(problems)
    for key, value in table.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            mend = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(fields)}."
            problems.append(Problem(f"{place}: unknown key {key!r}. {mend}"))
            continue
        values[key] = _value(fields[key].type, value, file, f"{path}.{key}".lstrip("."), problems)
    for name, field in fields.items():
        if field.required and name not in table:
            problems.append(Problem(f"{place}: {name!r} is missing. Add `{name} = …`."))
    return struct(**values) if len(problems) == before else None


def _value(kind: Any, value: Any, file: str, path: str, problems: list[Problem]) -> Any:
    bounds, kind = kind, get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return section(kind, value, file, path, problems)
    if get_origin(kind) is dict and isinstance(value, dict):
        inner = get_args(kind)[1]
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            return {k: section(inner, v, file, f"{path}.{k}", problems) for k, v in value.items()}
    if kind is timedelta and isinstance(value, str) and (found := _DURATION.match(value)):
        return timedelta(seconds=float(found[1]) * _UNITS[found[2]])
    if get_origin(kind) is tuple and isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        return msgspec.convert(value, bounds, strict=False)
    except msgspec.ValidationError as error:
        hint = " Write it like '90s', '5m', '4h' or '2d'." if kind is timedelta else ""
        table, _, key = path.rpartition(".")
        place = f"{file}: [{table}] {key}" if table else f"{file}: {key}"
        problems.append(Problem(f"{place}: {error}.{hint}"))
        return None
