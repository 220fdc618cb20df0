"""The settings: a Struct for each table of the settings file, with defaults and units.

Before: load.py reads the file into them. After: every stage takes a Settings.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from runtime.settings.limits import Limits
from schemas.base import Record
from schemas.routing.departments import DEFAULT, Department

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Points = Annotated[int, msgspec.Meta(ge=0, le=100)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class Kafka(Record, frozen=True, kw_only=True):
    """The broker. `partitions` is for conversations, and can't shrink later.

    Every partition that a transaction writes to costs latency: a router process for each two or
    three of them is plenty. `min_insync_replicas` is the number of copies that acknowledge a write;
    0 takes 2 where `replication` is 3 or more, else 1. A stage starts on topics that may lose
    accepted messages only with `accept_unsafe_topics`. `instance` names this host for Kafka, so
    that a restarted router or recorder gets its partitions back at once; empty makes a name from
    the hostname and a word under home. No two hosts may share one.
    """

    bootstrap: str = "127.0.0.1:9092"
    partitions: Count = 4
    queue_partitions: Count = 1
    replication: Count = 1
    min_insync_replicas: Annotated[int, msgspec.Meta(ge=0)] = 0
    accept_unsafe_topics: bool = False
    ack_timeout: timedelta = timedelta(seconds=10)
    instance: str = ""
    security: dict[str, str] = msgspec.field(default_factory=dict)


class Redis(Record, frozen=True, kw_only=True):
    """Redis or Valkey: a cache of Kafka, free to be emptied.

    `url` names one server. `sentinels` (HOST:PORT, or rediss://HOST:PORT) name the primary of
    `service`; `sentinel_user` and `sentinel_password` are their own login. Without Sentinel,
    `addresses` (HOST:PORT) list the servers, and the client asks each for its ROLE. With either,
    `url` still gives the user, password, database and TLS (rediss://) of the servers.
    """

    url: str = "redis://127.0.0.1:6379/0"
    sentinels: tuple[str, ...] = ()
    service: str = "mymaster"
    sentinel_user: str = ""
    sentinel_password: str = ""
    addresses: tuple[str, ...] = ()


class Store(Record, frozen=True, kw_only=True):
    """The SQL store; an empty url is a SQLite file under home."""

    url: str = ""


class Archive(Record, frozen=True, kw_only=True):
    """Raw bytes and attachments: `url` is a folder, file:///PATH or s3://BUCKET/PREFIX; empty is a
    folder under home.

    `local` is a folder on this host's own disk for deliveries that wait for Kafka, and for short
    ones until a bucket has them (after `upload_after` at the latest); empty is the folder under
    home. A bucket's `endpoint` is empty for Amazon's own; without `access_key` the environment or
    the machine's role gives the keys. `path_style` puts the bucket's name into the path.
    """

    url: str = ""
    local: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    access_key: str = ""
    secret_key: str = ""
    path_style: bool = True
    upload_after: timedelta = timedelta(minutes=1)


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
    """How long a lease lasts, and how many seconds of waiting one point of priority is worth.

    `max_waiting` is how many conversations may wait in Redis, about 400 bytes each: above it, the
    longest lines continue in Kafka.
    """

    lease: timedelta = timedelta(seconds=120)
    priority_point: timedelta = timedelta(seconds=90)
    max_waiting: Count = 1_000_000


class Replies(Record, frozen=True, kw_only=True):
    """What is sent by itself, and the loop guard on what Santral sends.

    A reply that its server does not take within `give_up_after` becomes `undeliverable`. It may be
    29 days at most: replies.v1 keeps the texts for 30.
    """

    acknowledge: bool = True
    acknowledge_once_in: timedelta = timedelta(hours=24)
    per_address_per_hour: Count = 20
    give_up_after: timedelta = timedelta(hours=48)


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
        """The folder of deliveries that wait for Kafka, on this host's own disk."""
        return Path(self.archive.local or self.archive_path) / "pending"

    @property
    def archive_path(self) -> Path:
        """The folder of the archive; with a bucket, the local folder of what waits for it."""
        url = self.archive.url
        folder = self.archive.local if url.startswith("s3://") else url.removeprefix("file://")
        return Path(folder or self.home_path / "archive")
