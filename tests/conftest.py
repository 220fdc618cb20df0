"""Fixtures: one running local profile for the session, with a mail server before and behind it."""

import shutil
import time
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine

from runtime import store
from runtime.settings.structs import Settings
from tests.support.paths import JARS
from tests.support.programs import require_program
from tests.support.project import tiers
from tests.support.servers.broker import SharedBroker, start_broker
from tests.support.servers.dovecot import Dovecot
from tests.support.servers.local_profile import PERSONAL_TOKEN, LocalProfile
from tests.support.servers.postgres import Postgres
from tests.support.servers.s3 import S3
from tests.support.servers.smtp import SmtpServer
from tests.support.servers.vendor import Vendor
from workers.run import MIGRATIONS

# `--hypothesis-profile=fast` is for a run that must be short.
for name, examples in (("santral", 150), ("fast", 10)):
    settings.register_profile(
        name,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        database=None,
        max_examples=examples,
    )
settings.load_profile("santral")

# A test with more work than this must have the mark `slow`, so that `make test-fast` stays short.
MAX_FAST_CPU_S = 5


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that need a server as `server`; check that Kafka's jars are there for them."""
    for item in items:
        if isinstance(item, pytest.Function) and _needs_server(item):
            item.add_marker(pytest.mark.server)
            # Side by side (`-n 2 --dist loadgroup`) a file, and the local profile, has one process.
            group = "road" if "road" in item.fixturenames else item.path.stem
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Fail a test that takes too much processor time for a run without the slow ones."""
    began = time.process_time()
    yield
    spent_s = time.process_time() - began
    if "not slow" in item.config.option.markexpr and spent_s > MAX_FAST_CPU_S:
        pytest.fail(f"{spent_s:.0f} s of work: mark it slow (@pytest.mark.slow), or make it faster")


def _needs_server(item: pytest.Function) -> bool:
    fixtures = (
        definition.func
        for name in item.fixturenames
        for definition in item._fixtureinfo.name2fixturedefs.get(name, ())[-1:]
    )
    return any(tiers.starts_server(function) for function in (item.function, *fixtures))


@pytest.fixture(autouse=True)
def jars(request: pytest.FixtureRequest) -> None:
    """The pinned jars are there for a test with a server: `make test` fetches them."""
    if request.node.get_closest_marker("server") and not list(JARS.glob("kafka_*.jar")):
        pytest.exit(f"no jars in {JARS}: run `make jars`", 3)


@pytest.fixture(scope="session")
def shared_broker() -> Iterator[SharedBroker]:
    """The broker that the tests of a process get one after the other; it starts for the first."""
    broker = SharedBroker()
    yield broker
    broker.stop()


@pytest.fixture
def kafka(shared_broker: SharedBroker) -> Settings:
    """Settings that point to the shared broker, whose topics are empty and which has no group."""
    return shared_broker.fresh()


@pytest.fixture(scope="module")
def file_kafka(shared_broker: SharedBroker) -> Settings:
    """The same for all tests of a file, which keep apart by the names of what they send."""
    return shared_broker.fresh()


@pytest.fixture
def own_kafka() -> Iterator[Settings]:
    """A broker for one test that kills or freezes it, or kills processes that use it."""
    with start_broker() as settings:
        yield settings


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """An IMAP server with one mailbox of a user `destek`, and a folder with Turkish letters."""
    require_program(Dovecot.program, "Dovecot")
    server = Dovecot().start()
    server.doveadm("mailbox", "create", "-u", "destek", "Müşteri İletileri")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def smtp() -> Iterator[SmtpServer]:
    """A mail server that takes what we send."""
    server = SmtpServer().start()
    yield server
    server.stop()


@pytest.fixture
def s3() -> Iterator[S3]:
    """A store that speaks S3, with one bucket."""
    server = S3().start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def graph() -> Iterator[Vendor]:
    """The vendors' server that the road's accounts speak to."""
    server = Vendor().start()
    yield server
    server.stop()


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """A vendor's server for one test."""
    server = Vendor().start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    require_program(Postgres.binaries, "PostgreSQL")
    server = Postgres().start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the store's tables, which tests copy."""
    path = tmp_path_factory.mktemp("store") / "template.db"
    _create_tables(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> str:
    """The name of a database with the store's tables, which tests copy."""
    name = "santral_template"
    postgres.create_database(name)
    _create_tables(postgres.url_of(name))
    return name


def _create_tables(url: str) -> None:
    store.migrate(url, MIGRATIONS)
    store.migrate(url, MIGRATIONS)  # a second time changes nothing


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A store of the test's own, with its tables."""
    if request.param == "postgresql":
        yield request.getfixturevalue("postgres_engine")
        return
    shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "s.db")
    connections = store.engine(f"sqlite:///{tmp_path}/s.db")
    yield connections
    connections.dispose()


@pytest.fixture
def postgres_engine(postgres: Postgres, postgres_template: str) -> Iterator[Engine]:
    """A store of the test's own in PostgreSQL, with its tables."""
    name = f"t{uuid.uuid4().hex}"
    postgres.create_database(name, postgres_template)
    connections = store.engine(postgres.url_of(name))
    yield connections
    connections.dispose()


@pytest.fixture(scope="session")
def road(
    tmp_path_factory: pytest.TempPathFactory, dovecot: Dovecot, smtp: SmtpServer, graph: Vendor
) -> Iterator[LocalProfile]:
    """The whole local profile, reading Dovecot, answering by SMTP and by a messenger's API."""
    home: Path = tmp_path_factory.mktemp("road")
    profile = LocalProfile(
        home,
        f"""
[channels.email.default]
[channels.email.destek]
host = "127.0.0.1"
port = {dovecot.port}
tls = false
user = "destek"
password = "secret"
mailboxes = ["INBOX", "Müşteri İletileri"]
poll = "1s"
timeout = "10s"
domain = "destek.example"
mailgun_key = "gun"

[channels.whatsapp.magaza]
app_secret = "meta"
verify_token = "dogrula"
token = "EAAtoken"
api = "{graph.url}/v25.0"

[actions.reply_email.destek]
host = "127.0.0.1"
port = {smtp.port}
tls = "none"
sender = "Santral Destek <destek@destek.example>"

[desk]
lease = "20s"
""",
        SANTRAL_TOKENS__PERSONAL=PERSONAL_TOKEN,
    ).start()
    yield profile
    code = profile.stop()
    assert code == 0, (home / "up.log").read_text()
