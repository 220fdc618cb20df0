"""The commands that read records: tap, ledger, dead letters.

Before: cli/main.py registers them. After: Kafka and the store. They only read, except `redrive`,
which sends dead letters through again.
"""

import asyncio
import importlib
import json
import sys
import time
from typing import Any

import click
import msgspec

from cli.messages import (
    check_id,
    check_personal,
    open_store,
    personal_option,
    running_settings,
    settings_of,
    show,
)
from schemas.errors import Unavailable
from schemas.masking import mask_json, mask_record

_IDS_OF_LETTERS = "give the id, or its beginning, as `santral dead list` prints it"


@click.command()
@click.argument("topics", nargs=-1, metavar="[TOPIC]…")
@click.option("--from-beginning", is_flag=True, help="Begin with the oldest record.")
@click.option(
    "--until-now",
    is_flag=True,
    help="Print the records that exist now, from the oldest on, and end.",
)
@click.option("--count", type=click.IntRange(1), help="End after so many records.")
@personal_option
@click.pass_context
def tap(
    ctx: click.Context,
    topics: tuple[str, ...],
    from_beginning: bool,
    until_now: bool,
    count: int | None,
    personal: bool,
) -> None:
    """Print the committed records of one or more TOPICs as JSON lines, as they come.

    `queue.billing` stands for queue.billing.v1. Without a TOPIC it lists the topics. Personal
    numbers are masked.
    """
    from schemas.topics import all_topics

    carried = {t.name: t.carries for t in all_topics(tuple(settings_of(ctx).departments))}
    if not topics:
        width = max(map(len, carried))
        for name, carries in carried.items():
            click.echo(f"{name:<{width}}  {carries}")
        return
    names = [name if name.endswith(".v1") else f"{name}.v1" for name in topics]
    for name in names:
        if name not in carried:
            short = ", ".join(n.removesuffix(".v1") for n in carried)
            raise Unavailable(f"no topic {name.removesuffix('.v1')!r}. There are: {short}")
    settings = running_settings(ctx, "Kafka")
    check_personal(settings, personal=personal)

    def emit(_topic: str, value: bytes) -> None:
        click.echo(value.decode("utf-8", "replace") if personal else mask_json(value))

    importlib.import_module("runtime.tapping").tap(
        settings.kafka,
        names,
        emit,
        from_beginning=from_beginning,
        until_now=until_now,
        count=count,
    )


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One object, for machines.")
@click.option(
    "--wait", default=0.0, help="Wait this many seconds for records that are on their way."
)
@click.pass_context
def ledger(ctx: click.Context, as_json: bool, wait: float) -> None:
    """Account for every message: held, accepted, refused, decided, recorded.

    Exit code 1 when something is unaccounted for, or the store follows another Kafka.
    """
    settings, store = running_settings(ctx, "Kafka", "the store"), open_store(ctx)
    importlib.import_module("runtime.log").configure("ledger", "warning")
    books = importlib.import_module("workers.ledger")
    inventories = asyncio.run(importlib.import_module("ingest.inventory").inventories(settings))
    until = time.monotonic() + wait
    try:
        while True:
            account = books.take(store, settings, inventories)
            settled = not account.pending and not account.unaccounted
            if settled or account.findings or time.monotonic() >= until:
                break
            time.sleep(0.2)
    finally:
        store.dispose()
    if as_json:
        show(account)
    else:
        _table(account)
    if account.unaccounted or account.findings:
        ctx.exit(1)


def _table(account: Any) -> None:
    heads = (
        "source",
        "held",
        "accepted",
        "refused",
        "decided",
        "recorded",
        "pending",
        "unaccounted",
    )
    rows = [
        tuple("–" if (v := getattr(line, h)) is None else str(v) for h in heads)
        for line in account.sources
    ]
    widths = [max(len(r[i]) for r in (heads, *rows)) for i in range(len(heads))]
    for row in (heads, *rows):
        cells = [
            c.ljust(w) if not i else c.rjust(w)
            for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells))
    for note in account.notes:
        click.echo(f"note: {note}")
    for finding in account.findings:
        click.echo(f"! {finding}")
    for line in account.sources:
        for position in line.missing:
            click.echo(f"missing: {line.source} {position}")
    click.echo(f"pending {account.pending}, unaccounted {account.unaccounted}")


@click.group()
def dead() -> None:
    """Dead letters, which are deliveries refused for good: list, show, send again."""


@dead.command("list")
@click.option("--limit", default=100, show_default=True)
@click.option("--code", help="Only this code.")
@click.option("--json", "as_json", is_flag=True, help="One DeadLetter a line.")
@click.pass_context
def dead_list(ctx: click.Context, limit: int, code: str | None, as_json: bool) -> None:
    """List dead letters, newest first, with personal numbers masked."""
    letters = [mask_record(x) for x in _letters().letters(open_store(ctx), limit, code)]
    if not letters:
        click.echo(f"no dead letters{f' with the code {code}' if code else ''}", err=True)
    for letter in letters:
        if as_json:
            show(letter)
        else:
            click.echo(
                f"{letter.id}  {letter.at:%Y-%m-%d %H:%M:%S}  {letter.code:<22}"
                f"{letter.source:<28}{letter.text[:80]}"
            )


@dead.command("show")
@click.argument("identifier")
@click.option(
    "--raw", is_flag=True, help="Write its bytes to standard output, as the archive has them."
)
@personal_option
@click.pass_context
def dead_show(ctx: click.Context, identifier: str, raw: bool, personal: bool) -> None:
    """Show one dead letter with personal numbers masked, or its bytes unmasked."""
    check_personal(settings_of(ctx), personal=personal)
    identifier = check_id(identifier, _IDS_OF_LETTERS, beginning=True)
    letter = _letters().letter(open_store(ctx), identifier)
    if raw:
        sys.stdout.buffer.write(_bytes(ctx, letter))
    else:
        shown = letter if personal else mask_record(letter)
        click.echo(json.dumps(json.loads(msgspec.json.encode(shown)), indent=2, ensure_ascii=False))


@dead.command("redrive")
@click.argument("identifiers", nargs=-1, required=True)
@click.pass_context
def dead_redrive(ctx: click.Context, identifiers: tuple[str, ...]) -> None:
    """Send dead letters through again, once the cause of their refusal is fixed."""
    for identifier in identifiers:
        check_id(identifier, _IDS_OF_LETTERS, beginning=True)
    settings, store = running_settings(ctx, "Kafka", "the store", whole=True), open_store(ctx)
    redrive = importlib.import_module("ingest.redrive").redrive
    for identifier in identifiers:
        letter = _letters().letter(store, identifier.lower())
        click.echo(asyncio.run(redrive(settings, letter, _bytes(ctx, letter))))


def _letters() -> Any:
    return importlib.import_module("workers.dead")


def _bytes(ctx: click.Context, letter: Any) -> bytes:
    from runtime.archive import open_archive

    if letter.raw is None:
        raise Unavailable(f"dead letter {letter.id} came without bytes")
    archive = open_archive(settings_of(ctx))
    data = archive.read(letter.raw)
    if data is None:
        reason = archive.explain_missing(letter.raw)
        raise Unavailable(f"dead letter {letter.id} can't be read here: {reason}")
    return data


def register(main: click.Group) -> None:
    """Add every command of this file to the command line."""
    for command in (tap, ledger, dead):
        main.add_command(command)
