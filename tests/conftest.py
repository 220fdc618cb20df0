"""Fixtures: one running local profile for the session, with a mail server before and behind it."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, text

from runtime import store
from runtime.settings import Settings
from tests.s3 import S3
from tests.servers import JARS, PERSONAL_TOKEN, Dovecot, Postgres, Smtp, Up, Vendor, broker
from workers.run import MIGRATIONS

settings.register_profile(
    "santral", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None,
    max_examples=int(os.environ.get("SANTRAL_EXAMPLES", "150")),
)  # fmt: skip
settings.load_profile("santral")


def need(present: object, what: str) -> None:
    """Skip, loudly, without a server that can't be had; with CI=true that is a failure."""
    if present:
        return
    text = f"{what} is not installed: `sh deploy/test_tools.sh` installs it where it can"
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    warnings.warn(pytest.PytestWarning(f"SKIPPED: {text}"), stacklevel=2)
    pytest.skip(text)


@pytest.fixture(scope="session", autouse=True)
def jars() -> None:
    """The pinned jars are there: `make test` fetches them."""
    if not list(JARS.glob("kafka_*.jar")):
        pytest.exit(f"no jars in {JARS}: run `make jars`", 3)


@pytest.fixture
def kafka() -> Iterator[Settings]:
    """A broker alone, with every topic, for one test; and settings that point to it."""
    with broker() as made:
        yield made


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


@pytest.fixture(params=["sqlite", "postgresql"])
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
) -> Iterator[Up]:
    """The whole local profile, reading Dovecot, answering by SMTP and by a messenger's API."""
    home: Path = tmp_path_factory.mktemp("road")
    made = Up(
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
