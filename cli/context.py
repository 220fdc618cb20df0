"""The steps that commands share, such as settings, servers, rights and output.

A command hands over its click context, and gets settings, a store that answers, or lines of JSON. A
step raises Unavailable with one sentence of advice, before the command makes a client, a folder or
a file.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
import msgspec

from runtime.settings import load
from runtime.settings.structs import Settings
from schemas.errors import Unavailable

if TYPE_CHECKING:  # a command that can't answer says so before it loads SQLAlchemy
    from sqlalchemy import Engine

    from runtime.stage.reach import Need

Command = TypeVar("Command", bound=Callable[..., object])

MESSAGE_ID_HINT = "an id is 32 hexadecimal digits with dashes, as `santral send` prints it"
_ID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_BEGINNING_OF_ID = re.compile(r"[0-9a-f][0-9a-f-]{3,35}", re.IGNORECASE)


def load_settings(ctx: click.Context, *, with_accounts: bool = False) -> Settings:
    """Return the settings; `with_accounts` also checks the accounts of channels and actions."""
    sections: dict[str, type[msgspec.Struct]] = {}
    if with_accounts:
        from ingest import registry as channels
        from workers.actions import registry as actions

        sections = channels.sections() | actions.sections()
    return load.load(ctx.find_root().obj, sections=sections)


def load_running_settings(
    ctx: click.Context, *needs: "Need", with_accounts: bool = False
) -> Settings:
    """Return the settings once the servers that the command needs answer.

    Raises Unavailable, before the command makes anything, when one does not.
    """
    from runtime.stage.reach import check_running

    settings = load_settings(ctx)
    check_running(settings, *needs)
    return load_settings(ctx, with_accounts=True) if with_accounts else settings


def open_store(ctx: click.Context) -> "Engine":
    """Return the store's engine; read the store of a stopped profile too, with a note."""
    settings = load_running_settings(ctx, "the store")
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    from runtime.stage.reach import is_running
    from runtime.store import engine

    if settings.store_url.startswith("sqlite") and not is_running(settings):
        click.echo(
            f"note: nothing runs with {settings.home_path}; these are its earlier records",
            err=True,
        )
    store = engine(settings.store_url)
    try:
        with store.connect() as connection:
            connection.execute(text("SELECT 1 FROM messages WHERE 1 = 0"))
    except SQLAlchemyError as error:
        store.dispose()
        raise Unavailable(
            f"the store {store.url!r} can't be read ({str(error).splitlines()[0]}). Set `url` in "
            "[store], and start the console once to make the tables"
        ) from error
    return store


def door_token(settings: Settings, *, reading: bool = False) -> str:
    """Return the token that the door asks for; raise Unavailable where the settings have none."""
    tokens = settings.tokens
    token = tokens.console or tokens.desk if reading else tokens.door
    if not token:
        name = "SANTRAL_TOKENS__CONSOLE" if reading else "SANTRAL_TOKENS__DOOR"
        raise Unavailable(
            f"there is no token for the door at {settings.console.door_url} in "
            f"{settings.home_path}: set {name}, or SANTRAL_HOME to the folder of what `make run` "
            "started"
        )
    return token


def rules_option(text: str) -> Callable[[Command], Command]:
    """Return the option --rules with this help, which a command gets as `rules`."""
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    return click.option("--rules", type=folder, help=text)


def models_option(text: str) -> Callable[[Command], Command]:
    """Return the option --model with this help, which a command gets as the tuple `models`."""
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    return click.option("--model", "models", multiple=True, metavar="FILE", type=file, help=text)


def personal_option(command: Command) -> Command:
    """Add the option --personal to a command that prints what customers wrote."""
    return click.option(
        "--personal",
        is_flag=True,
        help="Show personal numbers unmasked; needs SANTRAL_TOKENS__PERSONAL.",
    )(command)


def config_option(command: Command) -> Command:
    """Add the option --config to a sub-command, beside the one before the command's name."""

    def set_file(ctx: click.Context, _option: click.Parameter, value: str | None) -> None:
        if value is not None:
            ctx.find_root().obj = Path(value)

    return click.option(
        "--config",
        type=click.Path(dir_okay=False),
        expose_value=False,
        callback=set_file,
        help="Settings file (santral.toml).",
    )(command)


def language_option(command: Command) -> Command:
    """Add the option --lang to a command that prints sentences for people."""
    return click.option(
        "--lang",
        "language",
        type=click.Choice(["tr", "en"]),
        default=_system_language,
        help="The language of the output, instead of that of the system.",
    )(command)


def _system_language() -> str:
    """Return Turkish if the locale of the environment is Turkish, else English."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((value for name in names if (value := os.environ.get(name))), "")
    return "tr" if locale.startswith("tr") else "en"


def check_personal(settings: Settings, *, personal: bool) -> None:
    """Raise Unavailable when a person asks for personal numbers without the right to them."""
    if personal and not settings.tokens.personal:
        raise Unavailable(
            "nobody may see personal numbers here: set SANTRAL_TOKENS__PERSONAL first"
        )


def check_id(identifier: str, hint: str, *, beginning: bool = False) -> str:
    """Return an id in small letters; raise Unavailable for anything that can't be an id.

    `hint` says where to find ids. With `beginning`, the first four characters are enough.
    """
    if not (_BEGINNING_OF_ID if beginning else _ID).fullmatch(identifier):
        raise Unavailable(f"{identifier!r} is not an id: {hint}")
    return identifier.lower()


def print_record(record: msgspec.Struct) -> None:
    """Print a record as a line of JSON."""
    click.echo(msgspec.json.encode(record).decode())


def print_note(line: str = "") -> None:
    """Print a line for people, on standard error: standard output has only JSON."""
    click.echo(line, err=True)


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Show the progress of long work: call the result with the step's name, done, and of all."""
    with click.progressbar(length=1, file=sys.stderr) as bar:

        def update(label: str, done: int, steps: int) -> None:
            bar.label, bar.length = label, max(1, steps)
            bar.update(done - bar.pos)

        yield update
