"""The commands `santral dead list`, `show` and `redrive`, about deliveries that ingest refused.

`list` and `show` read the store and the archive. `redrive` hands the bytes to ingest again.
"""

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import click
import msgspec

from cli.context import (
    check_id,
    check_personal,
    load_running_settings,
    load_settings,
    open_store,
    personal_option,
    print_record,
)
from schemas.errors import Unavailable
from schemas.text.masking import mask_record

if TYPE_CHECKING:
    from schemas.dead_letter import DeadLetter

_LETTER_ID_HINT = "give the id, or its beginning, as `santral dead list` prints it"


@click.group()
def dead() -> None:
    """Dead letters, which are deliveries refused for good: list, show, send again."""


@dead.command("list")
@click.option("--limit", default=100, show_default=True, help="List at most this many.")
@click.option("--code", help="List only letters with this code.")
@click.option("--json", "as_json", is_flag=True, help="Print a DeadLetter as JSON on each line.")
@click.pass_context
def dead_list(ctx: click.Context, limit: int, code: str | None, as_json: bool) -> None:
    """List dead letters, newest first, with personal numbers masked."""
    store = open_store(ctx)
    from workers.store.dead_letters import letters as read_letters

    letters = [mask_record(letter) for letter in read_letters(store, limit, code)]
    if not letters:
        click.echo(f"no dead letters{f' with the code {code}' if code else ''}", err=True)
    for letter in letters:
        if as_json:
            print_record(letter)
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
    check_personal(load_settings(ctx), personal=personal)
    identifier = check_id(identifier, _LETTER_ID_HINT, beginning=True)
    store = open_store(ctx)
    from workers.store.dead_letters import letter as read_letter

    letter = read_letter(store, identifier)
    if raw:
        sys.stdout.buffer.write(_read_bytes(ctx, letter))
    else:
        shown = letter if personal else mask_record(letter)
        click.echo(json.dumps(json.loads(msgspec.json.encode(shown)), indent=2, ensure_ascii=False))


@dead.command("redrive")
@click.argument("identifiers", nargs=-1, required=True)
@click.pass_context
def dead_redrive(ctx: click.Context, identifiers: tuple[str, ...]) -> None:
    """Send dead letters through again, once the cause of their refusal is fixed."""
    for identifier in identifiers:
        check_id(identifier, _LETTER_ID_HINT, beginning=True)
    settings = load_running_settings(ctx, "Kafka", "the store", with_accounts=True)
    store = open_store(ctx)
    from ingest.intake.redrive import redrive
    from workers.store.dead_letters import letter as read_letter

    for identifier in identifiers:
        letter = read_letter(store, identifier.lower())
        click.echo(asyncio.run(redrive(settings, letter, _read_bytes(ctx, letter))))


def _read_bytes(ctx: click.Context, letter: "DeadLetter") -> bytes:
    """Return the bytes of a dead letter from the archive; raise Unavailable without them."""
    from runtime.archive.opening import open_archive

    if letter.raw is None:
        raise Unavailable(f"dead letter {letter.id} came without bytes")
    archive = open_archive(load_settings(ctx))
    data = archive.read(letter.raw)
    if data is None:
        reason = archive.explain_missing(letter.raw)
        raise Unavailable(f"dead letter {letter.id} can't be read here: {reason}")
    return data


COMMANDS = (dead,)
