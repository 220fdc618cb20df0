"""The commands that bring in many messages, invented or historical.

Before: cli/main.py registers them. After: the doors, or Kafka.
"""

import asyncio
import importlib
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from cli.messages import door_token, running_settings


@click.command()
@click.option("--rate", default=2.0, show_default=True, help="Messages a second.")
@click.option("--count", type=int, help="End after this many messages.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same traffic.")
@click.option(
    "--past",
    is_flag=True,
    help="Only invent the two weeks before, against which an outage stands out; nothing "
    "is written where the watch knows hours already.",
)
@click.pass_context
def demo(ctx: click.Context, rate: float, count: int | None, seed: int, past: bool) -> None:
    """Play invented Turkish and English traffic through the doors of what is running.

    After 120 messages customers in one town lose their internet, for 360 messages. Use a separate
    SANTRAL_HOME for a demo, because it keeps invented messages like any others.
    """
    settings = running_settings(ctx, "Kafka" if past else "the door")
    played = importlib.import_module("cli.demo.traffic")
    if past:
        invent = importlib.import_module("cli.demo.baseline").invent
        hours = asyncio.run(invent(settings, played.texts(), rate, datetime.now(UTC)))
        click.echo(f"demo: {hours} hours invented")
        return
    door_token(settings)  # before the first message, not at it
    asyncio.run(played.play(settings, rate, count, seed, click.echo))


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--account", default="default", show_default=True, help="Account of the channel.")
@click.option("--work", is_flag=True, help="Let the messages open work, as if they arrived now.")
@click.option(
    "--again", is_flag=True, help="Read from the beginning, not from where the last run ended."
)
@click.pass_context
def import_(
    ctx: click.Context, files: tuple[Path, ...], account: str, work: bool, again: bool
) -> None:
    """Import history from CSV, JSON lines, mbox or Maildir. Ids drop repeated messages.

    CSV needs a header with `text` and a sender (email, phone, handle or customer_no). The columns
    native_id, subject, conversation, sent_at and name are optional. JSON lines are bodies of
    POST /v1/messages. A stopped run continues where it was. An unreadable message becomes a dead
    letter (`santral dead list`), and the exit code is then 1.

    Imported messages open no work, and neither does a later message with the same id. Import
    messages that are answered, and let unanswered ones come through their own channel.
    """
    settings = running_settings(ctx, "Kafka")
    importing = importlib.import_module("ingest.importing")
    # The bar shows the progress already; a line for each message would add nothing.
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
