"""The commands that send, follow and try messages, and what all commands share.

Before: cli/main.py registers them. After: doors, store, Kafka. Each command makes its own heavy
imports, so that `santral --help` is quick. Exit codes are 0 (all is well), 1 (a finding) and 2 (it
can't answer).
"""

import contextlib
import importlib
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from schemas.errors import Rejected, Unavailable
from schemas.masking import mask_decision

_ID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_BEGINNING_OF_ID = re.compile(r"[0-9a-f][0-9a-f-]{3,35}", re.IGNORECASE)


def settings_of(ctx: click.Context, *, whole: bool = False) -> Any:
    """Return the settings; `whole` also checks the tables of channels and actions."""
    return importlib.import_module("cli.main").load(ctx, whole=whole)


def personal_option(command: Any) -> Any:
    """Add the option --personal to a command that prints what customers wrote."""
    return click.option(
        "--personal",
        is_flag=True,
        help="Show personal numbers unmasked; needs SANTRAL_TOKENS__PERSONAL.",
    )(command)


def check_personal(settings: Any, *, personal: bool) -> None:
    """Raise Unavailable when a person asks for personal numbers without the right to them."""
    if personal and not settings.tokens.personal:
        raise Unavailable(
            "nobody may see personal numbers here: set SANTRAL_TOKENS__PERSONAL first"
        )


def show(record: Any) -> None:
    """Print a record as a line of JSON."""
    click.echo(msgspec.json.encode(record).decode())


def running_settings(ctx: click.Context, *needs: Any, whole: bool = False) -> Any:
    """Return the settings once the servers that the command needs answer.

    Raises Unavailable, before the command makes anything, when one does not.
    """
    from runtime.reach import check_running

    settings = settings_of(ctx)
    check_running(settings, *needs)
    return settings_of(ctx, whole=True) if whole else settings


def open_store(ctx: click.Context) -> Any:
    """Return the store's engine; read the store of a stopped profile too, with a note."""
    settings = running_settings(ctx, "the store")
    # Import after the check: a command that can't answer says so before it loads SQLAlchemy.
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    from runtime.reach import is_running
    from runtime.store import engine

    if settings.store_url.startswith("sqlite") and not is_running(settings):
        click.echo(
            f"note: nothing runs with {settings.home_path}; these are its earlier records",
            err=True,
        )
    made = engine(settings.store_url)
    try:
        with made.connect() as connection:
            connection.execute(text("SELECT 1 FROM messages WHERE 1 = 0"))
    except SQLAlchemyError as error:
        made.dispose()
        raise Unavailable(
            f"the store {made.url!r} can't be read ({str(error).splitlines()[0]}). Set `url` in "
            "[store], and start the console once to make the tables"
        ) from error
    return made


def check_id(identifier: str, source: str, *, beginning: bool = False) -> str:
    """Return an id in small letters; raise Unavailable for anything that can't be an id.

    `source` says where to find ids. With `beginning`, the first four characters are enough.
    """
    if not (_BEGINNING_OF_ID if beginning else _ID).fullmatch(identifier):
        raise Unavailable(f"{identifier!r} is not an id: {source}")
    return identifier.lower()


_IDS_OF_MESSAGES = "an id is 32 hexadecimal digits with dashes, as `santral send` prints it"


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--text", help="Send this text as a message by API instead of a file.")
@click.option("--account", default="default", show_default=True, help="Account of the channel.")
@click.pass_context
def send(ctx: click.Context, files: tuple[Path, ...], text: str | None, account: str) -> None:
    """Hand mails (.eml) or API messages (.json) to the door; print the ids it answers.

    A folder's worth of files may be given; the exit code is 1 if one was refused.
    """
    if not files and text is None:
        raise click.UsageError("give FILE… or --text")
    settings = running_settings(ctx, "the door")
    refused = False
    with _door(settings) as client:
        for name, path, kind, body in _parcels(files, text, account):
            answer = client.post(path, content=body, headers={"Content-Type": kind})
            told = answer.json()
            click.echo(json.dumps({"file": name, "status": answer.status_code, **told},
                                  ensure_ascii=False))  # fmt: skip
            refused |= answer.status_code >= 300
    if refused:
        ctx.exit(1)


def door_token(settings: Any, *, reading: bool = False) -> str:
    """Return the token that the door asks for; raise Unavailable where the settings have none."""
    tokens = settings.tokens
    token: str = tokens.console or tokens.desk if reading else tokens.door
    if not token:
        name = "SANTRAL_TOKENS__CONSOLE" if reading else "SANTRAL_TOKENS__DOOR"
        raise Unavailable(
            f"there is no token for the door at {settings.console.door_url} in "
            f"{settings.home_path}: set {name}, or SANTRAL_HOME to the folder of what `make run` "
            "started"
        )
    return token


@contextlib.contextmanager
def _door(settings: Any, *, reading: bool = False) -> Iterator[Any]:
    """Give a client of the door; reading takes another token than sending."""
    import httpx2

    url = settings.console.door_url
    headers = {"Authorization": f"Bearer {door_token(settings, reading=reading)}"}
    try:
        with httpx2.Client(base_url=url, timeout=60, headers=headers) as client:
            yield client
    except httpx2.TransportError as error:
        raise Unavailable(
            f"the door at {url} stopped answering ({type(error).__name__}): see `santral status`"
        ) from error


def _parcels(
    files: tuple[Path, ...], text: str | None, account: str
) -> Iterator[tuple[str, str, str, bytes]]:
    if text is not None:
        body = {"native_id": f"cli-{time.time_ns()}", "text": text, "sender": {"handle": "cli"}}
        yield "-", f"/v1/messages?account={account}", "application/json", json.dumps(body).encode()
    for path in files:
        if path.suffix.lower() == ".json":
            yield (str(path), f"/v1/messages?account={account}", "application/json",
                   path.read_bytes())  # fmt: skip
        elif path.suffix.lower() in (".eml", ".mail", ""):
            yield str(path), f"/v1/hooks/mail/{account}", "message/rfc822", path.read_bytes()
        else:
            raise click.UsageError(f"{path}: send takes .eml (mail) and .json (API) files")


@click.command()
@click.argument("identifier")
@click.option("--timeout", default=30.0, show_default=True, help="Seconds to wait for more.")
@click.pass_context
def follow(ctx: click.Context, identifier: str, timeout: float) -> None:
    """Follow a message, by its id, to its outcome; ends when it is resolved.

    The command waits for an unknown id until --timeout, and then ends with exit code 2.
    Personal numbers are masked.
    """
    identifier = check_id(identifier, _IDS_OF_MESSAGES)
    settings = running_settings(ctx, "the door")
    until, told = time.monotonic() + timeout, 0
    with _door(settings, reading=True) as client:
        while time.monotonic() < until:
            answer = client.get(f"/v1/messages/{identifier}")
            if answer.status_code == 200:
                lines = _story(answer.json())
                for line in lines[told:]:
                    click.echo(line)
                told = max(told, len(lines))
                if any(o["kind"] == "resolved" for o in answer.json()["outcomes"]):
                    return
            elif answer.status_code not in (404, 503):
                raise Unavailable(f"the door says {answer.status_code}: {answer.text[:200]}")
            time.sleep(0.3)
    if not told:
        raise Unavailable(f"no message {identifier} came within {timeout:g} s")
    click.echo(f"nothing more within {timeout:g} s", err=True)


def _story(told: dict[str, Any]) -> list[str]:
    message, decision = told["message"], told["decision"]
    lines = [f"{message['received_at']}  accepted    {message['channel']} {message['source']}"]
    if decision:
        lines.append(
            f"{decision['decided_at']}  decided     {decision['action']} → {decision['department']}"
            f"  ({decision['intent']}, priority {decision['priority']}, "
            f"confidence {decision['confidence']:.2f})"
        )
        lines += [f"{'':34}because {r['id']}: {r['text_en']}" for r in decision["reasons"]]
    for outcome in told["outcomes"]:
        who = f" by {outcome['agent']}" if outcome["agent"] else ""
        why = outcome["reason"] or outcome["text"]
        lines.append(f"{outcome['at']}  {outcome['kind']:<11} {outcome['department']}{who}"
                     + (f": {why[:100]}" if why else ""))  # fmt: skip
    return lines


@click.command()
@click.argument("channel")
@click.argument("files", nargs=-1, required=True,
                type=click.Path(exists=True, dir_okay=False, path_type=Path))  # fmt: skip
@click.option("--account", default="default", show_default=True)
@click.option("--secret", default="", help="What verifies an .http request's signature.")
@click.option("--now", default="", help="The time it arrives, ISO 8601 or unix seconds.")
@click.pass_context
def parse(
    ctx: click.Context, channel: str, files: tuple[Path, ...], account: str, secret: str, now: str
) -> None:
    """Show what CHANNEL makes of captured input: a Message, or why it is rejected, a line each.

    A FILE.http is a whole request (request line, headers, blank line, body) to a vendor's webhook:
    its signature is verified with --secret (or the account's settings) at --now.
    """
    trial = importlib.import_module("cli.offline.trial")
    try:
        made = trial.Trial(settings_of(ctx), channel, account, secret, now)
    except Rejected as error:
        raise click.UsageError(error.text) from error
    for path in files:
        for line in made.run(path.name, path.read_bytes()):
            click.echo(line)


@click.command()
@click.argument("file", default="-", type=click.File("rb"))
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A model of `santral train`; may be given once a task.",
)
@click.option("--rules", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="A pack's folder instead of the configured one.")  # fmt: skip
@click.pass_context
def decide(ctx: click.Context, file: Any, models: tuple[Path, ...], rules: Path | None) -> None:
    """Decide JSON lines with at least `text`; print one Decision a line, in order. No broker.

    Also understood: id, subject, channel, sender, sent_at, conversation. Without --model those of
    [router] are used.
    """
    settings = settings_of(ctx)
    # A fault of ours goes to standard error: standard output has only decisions.
    importlib.import_module("runtime.log").configure("decide", "warning")
    offline = importlib.import_module("cli.offline.decisions")
    trying = importlib.import_module("router.policy_settings").trying
    by = offline.with_models(trying(settings, str(rules or "")), models)
    # Somebody who types lines wants each answer at once.
    at_once = 1 if sys.stdin.isatty() and file.name == "<stdin>" else offline.AT_ONCE
    repair = importlib.import_module("ingest.clean.letters").repair_letters
    for record in offline.decide_lines(file, settings, by, at_once, repair):
        show(record)


@click.command()
@click.argument("what")
@personal_option
@click.pass_context
def explain(ctx: click.Context, what: str, personal: bool) -> None:
    """Explain the decision on a message (by id), or on the text of a file.

    Personal numbers in quoted words are masked.
    """
    check_personal(settings_of(ctx), personal=personal)
    path = Path(what)
    if path.is_file():
        offline = importlib.import_module("cli.offline.decisions")
        repair = importlib.import_module("ingest.clean.letters").repair_letters
        text = path.read_text(errors="replace")
        decisions = [offline.decide_text(text, settings_of(ctx), repair)]
    else:
        identifier = check_id(what, f"there is no such file, and {_IDS_OF_MESSAGES}")
        reading = importlib.import_module("workers.reading")
        with open_store(ctx).connect() as connection:
            decisions = reading.decisions(connection, identifier)
        if not decisions:
            raise Unavailable(f"the store has no decision on message {identifier}")
    for decision in decisions:
        shown = decision if personal else mask_decision(decision)
        for line in importlib.import_module("cli.offline.decisions").tell(shown):
            click.echo(line)


def register(main: click.Group) -> None:
    """Add every command of this file to the command line."""
    for command in (send, follow, parse, decide, explain):
        main.add_command(command)
