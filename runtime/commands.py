"""The commands that ask and send, as against those that run a stage.

Before: runtime/cli.py registers them. After: doors, store, Kafka. Heavy imports are made by the
command that needs them: `santral --help` is quick.
"""

import asyncio
import importlib
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from schemas.errors import ConfigError, Problem, Rejected, Unavailable


def settings_of(ctx: click.Context, *, whole: bool = False) -> Any:
    """Return the settings; `whole` also checks the tables of channels and actions."""
    return importlib.import_module("runtime.cli").load(ctx, whole=whole)


def show(record: Any) -> None:
    """Print a record as a line of JSON."""
    click.echo(msgspec.json.encode(record).decode())


@click.command()
@click.pass_context
def topics(ctx: click.Context) -> None:
    """Create the topics that are missing and verify the others."""
    from runtime.bus import ensure_topics
    from schemas.topics import all_topics

    settings = settings_of(ctx)
    made, problems = ensure_topics(settings.kafka, all_topics(tuple(settings.departments)))
    for name in made:
        click.echo(f"created {name}")
    if problems:
        raise ConfigError(problems)
    click.echo("all topics are as they should be")


@click.command()
@click.option("--offline", is_flag=True, help="Read the files only, try no connection.")
@click.pass_context
def check(ctx: click.Context, offline: bool) -> None:
    """Read all of the configuration, run the rules' samples, try the connections.

    Every mistake is told at once, with its file, key and mend. Exit code 2 if there is one.
    """
    settings = settings_of(ctx, whole=True)
    rules = importlib.import_module("router.rules")
    folder = Path(settings.router.pack) if settings.router.pack else rules.PACKS / "default"
    pack = rules.load(folder)
    problems: list[Problem] = rules.failing_samples(pack)
    unknown = {r.department for r in pack.rules if r.department} - set(settings.departments)
    problems += [Problem(f"{folder}: no department {d!r} in [departments]") for d in unknown]
    for line in rules.shadowed(pack):
        click.echo(f"note: {line}")
    router = importlib.import_module("router.run")
    for made in (router.live, router.candidate):
        try:
            made(settings)
        except ConfigError as error:
            problems += error.problems
    if "triage" not in settings.departments:
        problems.append(Problem("[departments.triage] is missing: unsure items need a place"))
    click.echo(
        f"{len(pack.rules)} rules in {pack.version}, {len(settings.departments)} departments"
    )
    registry, run = (
        importlib.import_module("ingest.registry"),
        importlib.import_module("ingest.run"),
    )
    accounts = run.accounts(settings)
    for line in registry.setups(accounts, settings.console.door_url):
        click.echo(line)
    try:
        run.mail_door.check(settings.mail_door, accounts["email"])
    except ConfigError as error:
        problems += error.problems
    if not offline:
        problems += _connections(settings)
    if problems:
        raise ConfigError(problems)
    click.echo("everything is as it should be")


def _connections(settings: Any) -> list[Problem]:
    from redis import Redis
    from redis.exceptions import RedisError
    from sqlalchemy.exc import SQLAlchemyError

    from runtime.bus import ensure_topics
    from runtime.store import engine

    problems = []
    try:
        ensure_topics(settings.kafka, [])
        click.echo(f"Kafka {settings.kafka.bootstrap}: answers")
    except Unavailable as error:
        problems.append(Problem(str(error)))
    try:
        with Redis.from_url(settings.redis.url, socket_timeout=3) as client:
            client.ping()
        click.echo(f"Redis {settings.redis.url}: answers")
    except (RedisError, OSError) as error:
        problems.append(Problem(f"Redis at {settings.redis.url} does not answer: {error}. Start "
                                "it, or set `url` in [redis]."))  # fmt: skip
    made = engine(settings.store_url)
    try:
        with made.connect():
            click.echo(f"store {made.url!r}: answers")
    except SQLAlchemyError as error:
        problems.append(Problem(f"the store {made.url!r} does not answer: {error}"))
    finally:
        made.dispose()
    return problems


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
    settings = settings_of(ctx)
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


def _door(settings: Any, *, reading: bool = False) -> Any:
    """Return a client of the door; who reads needs another token than who hands in."""
    import httpx2

    tokens = settings.tokens
    token = tokens.console or tokens.desk if reading else tokens.door
    return httpx2.Client(
        base_url=settings.console.door_url, timeout=60,
        headers={"Authorization": f"Bearer {token}"},
    )  # fmt: skip


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
    """Follow a message, by its id, to its outcome; ends when it is resolved."""
    settings = settings_of(ctx)
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
        raise Unavailable(f"no message {identifier!r} is recorded")
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
    trial = importlib.import_module("ingest.trial")
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
    offline = importlib.import_module("router.offline")
    trying = importlib.import_module("router.run").trying
    by = offline.with_models(trying(settings, str(rules or "")), models)
    # Somebody who types lines wants each answer at once.
    at_once = 1 if sys.stdin.isatty() and file.name == "<stdin>" else offline.AT_ONCE
    for record in offline.decide_lines(file, settings, by, at_once):
        show(record)


@click.command()
@click.argument("topic")
@click.option("--from-beginning", is_flag=True, help="Begin with the oldest record kept.")
@click.option("--count", type=int, help="End after so many records.")
@click.pass_context
def tap(ctx: click.Context, topic: str, from_beginning: bool, count: int | None) -> None:
    """Print the committed records of TOPIC as JSON lines; `queue.billing` will do as a name."""
    from runtime.bus import tap as follow_topic

    settings = settings_of(ctx)
    name = topic if topic.endswith(".v1") else f"{topic}.v1"
    asyncio.run(follow_topic(settings.kafka, name, from_beginning, count, click.echo))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One object, for machines.")
@click.option("--wait", default=0.0, help="Wait so many seconds for what is still on its way.")
@click.pass_context
def ledger(ctx: click.Context, as_json: bool, wait: float) -> None:
    """Account for every message: held, accepted, refused, decided, recorded.

    Exit code 1 when something is unaccounted for.
    """
    from runtime.store import engine

    settings = settings_of(ctx)
    books = importlib.import_module("workers.ledger")
    inventories = asyncio.run(importlib.import_module("ingest.inventory").inventories(settings))
    store = engine(settings.store_url)
    until = time.monotonic() + wait
    try:
        while True:
            told = books.take(store, settings, inventories)
            if (not told.pending and not told.unaccounted) or time.monotonic() >= until:
                break
            time.sleep(0.2)
    finally:
        store.dispose()
    if as_json:
        show(told)
    else:
        _table(told)
    if told.unaccounted:
        ctx.exit(1)


def _table(told: Any) -> None:
    heads = ("source", "held", "accepted", "refused", "decided", "recorded", "pending",
             "unaccounted")  # fmt: skip
    rows = [
        tuple("–" if (v := getattr(line, h)) is None else str(v) for h in heads)
        for line in told.sources
    ]
    widths = [max(len(r[i]) for r in (heads, *rows)) for i in range(len(heads))]
    for row in (heads, *rows):
        cells = [
            c.ljust(w) if not i else c.rjust(w)
            for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells))
    for note in told.notes:
        click.echo(f"note: {note}")
    for line in told.sources:
        for position in line.missing:
            click.echo(f"missing: {line.source} {position}")
    click.echo(f"pending {told.pending}, unaccounted {told.unaccounted}")


@click.group()
def dead() -> None:
    """What was refused for good: list, show, and send through again."""


@dead.command("list")
@click.option("--limit", default=100, show_default=True)
@click.option("--code", help="Only this code.")
@click.option("--json", "as_json", is_flag=True, help="One DeadLetter a line.")
@click.pass_context
def dead_list(ctx: click.Context, limit: int, code: str | None, as_json: bool) -> None:
    """List dead letters, the newest first."""
    for letter in _dead().letters(_store(ctx), limit, code):
        if as_json:
            show(letter)
        else:
            click.echo(f"{letter.id}  {letter.at:%Y-%m-%d %H:%M:%S}  {letter.code:<22}"
                       f"{letter.source:<28}{letter.text[:80]}")  # fmt: skip


@dead.command("show")
@click.argument("identifier")
@click.option("--raw", is_flag=True, help="Write its bytes to standard output.")
@click.pass_context
def dead_show(ctx: click.Context, identifier: str, raw: bool) -> None:
    """Show one dead letter, or its bytes."""
    letter = _dead().letter(_store(ctx), identifier)
    if raw:
        sys.stdout.buffer.write(_bytes(ctx, letter))
    else:
        click.echo(json.dumps(json.loads(msgspec.json.encode(letter)), indent=2,
                              ensure_ascii=False))  # fmt: skip


@dead.command("redrive")
@click.argument("identifiers", nargs=-1, required=True)
@click.pass_context
def dead_redrive(ctx: click.Context, identifiers: tuple[str, ...]) -> None:
    """Send dead letters through again, after what refused them was mended."""
    settings, store = settings_of(ctx, whole=True), _store(ctx)
    redrive = importlib.import_module("ingest.redrive").redrive
    for identifier in identifiers:
        letter = _dead().letter(store, identifier)
        click.echo(asyncio.run(redrive(settings, letter, _bytes(ctx, letter))))


def _dead() -> Any:
    return importlib.import_module("workers.dead")


def _store(ctx: click.Context) -> Any:
    from runtime.store import engine

    return engine(settings_of(ctx).store_url)


def _bytes(ctx: click.Context, letter: Any) -> bytes:
    from runtime.archive import Folder

    data = Folder(settings_of(ctx).archive_path).read(letter.raw) if letter.raw else None
    if data is None:
        raise Unavailable(f"the archive has no bytes for dead letter {letter.id}")
    return data


@click.command()
@click.argument("what")
@click.pass_context
def explain(ctx: click.Context, what: str) -> None:
    """Tell why a message (its id) went where it went, or where a file's text would go."""
    path = Path(what)
    if path.is_file():
        offline = importlib.import_module("router.offline")
        decisions = [offline.decide_text(path.read_text(errors="replace"), settings_of(ctx))]
    else:
        reading = importlib.import_module("workers.reading")
        with _store(ctx).connect() as connection:
            decisions = reading.decisions(connection, what)
        if not decisions:
            raise Unavailable(f"no decision on {what!r} is recorded, and no such file is there")
    for decision in decisions:
        for line in importlib.import_module("router.offline").tell(decision):
            click.echo(line)


@click.command()
@click.option("--rate", default=2.0, show_default=True, help="Messages a second.")
@click.option("--count", type=int, help="End after so many messages.")
@click.option("--seed", default=1, show_default=True, help="The same seed, the same traffic.")
@click.option("--past", is_flag=True,
              help="Only invent the two weeks before, against which an outage stands out; nothing "
                   "is written where the watch knows hours already.")  # fmt: skip
@click.pass_context
def demo(ctx: click.Context, rate: float, count: int | None, seed: int, past: bool) -> None:
    """Play invented Turkish and English traffic through the doors of what is running.

    After 120 messages customers at one place lose their internet, for 360. Use another SANTRAL_HOME
    for a demo than for real traffic: what it invents is kept like any message.
    """
    settings, played = settings_of(ctx), importlib.import_module("ingest.demo")
    if past:
        invent = importlib.import_module("router.past").invent
        hours = asyncio.run(invent(settings, played.texts(), rate, datetime.now(UTC)))
        click.echo(f"demo: {hours} hours invented")
        return
    asyncio.run(played.play(settings, rate, count, seed, click.echo))


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--account", default="default", show_default=True, help="Account of the channel.")
@click.option("--work", is_flag=True, help="Let the messages open work, as if they came now.")
@click.option("--again", is_flag=True, help="Read from the beginning, not from where it ended.")
@click.pass_context
def import_(
    ctx: click.Context, files: tuple[Path, ...], account: str, work: bool, again: bool
) -> None:
    """Bring in history: CSV, JSON lines, mbox, Maildir. Repeats are dropped by their ids.

    CSV needs a header with `text` and a sender (email, phone, handle or customer_no); native_id,
    subject, conversation, sent_at and name are taken where they are. JSON lines are bodies of
    POST /v1/messages. A run that was stopped goes on where it was. What can't be read is a dead
    letter: `santral dead list`. Exit code 1 if there was one.

    Imported messages open no work, and neither does what comes later under the same id: import
    what is answered, and let what is still to be answered come by its own channel.
    """
    importing = importlib.import_module("ingest.importing")
    # The bar tells how far it is: a line a message would tell nothing more.
    importlib.import_module("runtime.log").configure("import", "warning")
    settings = settings_of(ctx)
    refused = 0
    for path in files:
        kind = importing.kind_of(path)
        run = importing.Import(settings, path, account, work=work)
        if again:
            run.forget()
        with click.progressbar(
            length=run.begin(kind), label=f"{path.name} ({kind})", file=sys.stderr
        ) as bar:
            count = asyncio.run(run.run(kind, bar.update))
        click.echo(
            f"{path}: {count.accepted} accepted, {count.refused} refused, "
            f"{count.skipped} done before"
        )
        refused += count.refused
    if refused:
        ctx.exit(1)


def register(main: click.Group) -> None:
    """Add every command of this file to the command line."""
    for command in (
        topics, check, send, follow, parse, decide, tap, ledger, dead, explain, demo, import_,
    ):  # fmt: skip
        main.add_command(command)
