"""The commands that bring in many messages: invented ones, and history.

Before: runtime/cli.py registers them. After: the doors, or Kafka.
"""

import asyncio
import importlib
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from runtime.commands import running_settings


@click.command()
@click.option("--rate", default=2.0, show_default=True, help="Messages a second.")
@click.option("--count", type=int, help="End after so many messages.")
@click.option("--seed", default=1, show_default=True, help="The same seed, the same traffic.")
@click.option(
    "--past",
    is_flag=True,
    help="Only invent the two weeks before, against which an outage stands out; nothing "
    "is written where the watch knows hours already.",
)
@click.pass_context
def demo(ctx: click.Context, rate: float, count: int | None, seed: int, past: bool) -> None:
    """Play invented Turkish and English traffic through the doors of what is running.

    After 120 messages customers at one place lose their internet, for 360. Use another SANTRAL_HOME
    for a demo than for real traffic: what it invents is kept like any message.
    """
    settings = running_settings(ctx, "Kafka" if past else "the door")
    played = importlib.import_module("ingest.demo")
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
    settings = running_settings(ctx, "Kafka")
    importing = importlib.import_module("ingest.importing")
    # The bar tells how far it is: a line a message would tell nothing more.
    importlib.import_module("runtime.log").configure("import", "warning")
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
    for command in (demo, import_):
        main.add_command(command)
