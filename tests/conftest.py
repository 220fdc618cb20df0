"""Fixtures: one running local profile for the session, with a mail server before and behind it."""

import os
import time
import warnings
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, text

from runtime import store
from runtime.settings.structs import Settings
from tests.support import tiers
from tests.support.paths import JARS
from tests.support.servers.broker import SharedBroker, start_broker
from tests.support.servers.dovecot import Dovecot
from tests.support.servers.local_profile import PERSONAL_TOKEN, LocalProfile
from tests.support.servers.postgres import Postgres
from tests.support.servers.s3 import S3
from tests.support.servers.smtp import Smtp
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


def need(present: object, what: str) -> None:
    """Skip, loudly, without a server that can't be had; with CI=true that is a failure."""
    if present:
        return
    text = f"{what} is not installed: `sh deploy/test_tools.sh` installs it where it can"
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    warnings.warn(pytest.PytestWarning(f"SKIPPED: {text}"), stacklevel=2)
    pytest.skip(text)


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
def brokers() -> Iterator[list[SharedBroker]]:
    """The broker that tests share one after the other; empty before the first of them."""
    running: list[SharedBroker] = []
    yield running
    for server in running:
        server.stop()


@pytest.fixture
def kafka() -> Iterator[Settings]:
    """A broker alone, with every topic, for one test; and settings that point to it."""
    with start_broker() as settings:
        yield settings


@pytest.fixture
def empty_kafka(brokers: list[SharedBroker]) -> Settings:
    """Settings that point to the shared broker, with every topic empty: quicker than `kafka`.

    Consumer groups stay from test to test: a test with members of groups takes `kafka`.
    """
    return empty_topics(brokers)


def empty_topics(brokers: list[SharedBroker]) -> Settings:
    """Start the shared broker if need be, and return settings with every topic empty."""
    if brokers and not brokers[-1].is_alive():
        brokers.pop().stop()
    if not brokers:
        brokers.append(SharedBroker())
    return brokers[-1].fresh()


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """An IMAP server with one mailbox of a user `destek`, and a folder with Turkish letters."""
    need(Dovecot.program, "Dovecot")
    made = Dovecot().start()
    made.doveadm("mailbox", "create", "-u", "destek", "Müşteri İletileri")
    yield made
    made.stop()


@pytest.fixture(scope="session")
def smtp() -> Iterator[Smtp]:
    """A mail server that takes what we send."""
    made = Smtp().start()
    yield made
    made.stop()


@pytest.fixture
def s3() -> Iterator[S3]:
    """A store that speaks S3, with one bucket."""
    made = S3().start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def graph() -> Iterator[Vendor]:
    """The vendors' server that the road's accounts speak to."""
    made = Vendor().start()
    yield made
    made.stop()


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """A vendor's server for one test."""
    made = Vendor().start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    need(Postgres.binaries, "PostgreSQL")
    made = Postgres().start()
    yield made
    made.stop()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A store with its tables."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/s.db"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        admin = store.engine(server.url)
        name = f"t{abs(hash(request.node.name + str(tmp_path))):x}"
        with admin.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        admin.dispose()
        url = server.url.rpartition("/")[0] + f"/{name}"
    store.migrate(url, MIGRATIONS)
    store.migrate(url, MIGRATIONS)  # a second time changes nothing
    made = store.engine(url)
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def road(
    tmp_path_factory: pytest.TempPathFactory, dovecot: Dovecot, smtp: Smtp, graph: Vendor
) -> Iterator[LocalProfile]:
    """The whole local profile, reading Dovecot, answering by SMTP and by a messenger's API."""
    home: Path = tmp_path_factory.mktemp("road")
    made = LocalProfile(
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
    yield made
    code = made.stop()
    assert code == 0, (home / "up.log").read_text()
