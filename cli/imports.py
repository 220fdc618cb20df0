"""The command `santral import` publishes history from files, through the channels' own parsers."""

import asyncio
import sys
from pathlib import Path

import click

from cli.context import language_option, load_running_settings


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--account", default="default", show_default=True, help="Account of the channel.")
@click.option("--work", is_flag=True, help="Let the messages open work, as if they arrived now.")
@click.option(
    "--again", is_flag=True, help="Read from the beginning, not from where the last run ended."
)
@language_option
@click.pass_context
def import_(
    ctx: click.Context,
    files: tuple[Path, ...],
    account: str,
    work: bool,
    again: bool,
    language: str,
) -> None:
    """Import history from CSV, JSON lines, mbox or Maildir. Ids drop repeated messages.

    CSV needs a header with `text` and a sender (email, phone, handle or customer_no). The columns
    native_id, subject, conversation, sent_at and name are optional. JSON lines are bodies of
    POST /v1/messages. A stopped run continues where it was. An unreadable message becomes a dead
    letter (`santral dead list`), and the exit code is then 1.

    Imported messages open no work, and neither does a later message with the same id. Import
    messages that are answered, and let unanswered ones come through their own channel.
    """
    settings = load_running_settings(ctx, "Kafka")
    from cli.offline.sentences import command_texts
    from ingest.importing.entries import kind_of
    from ingest.importing.run import Import
    from runtime import log

    # The bar shows the progress already; a line for each message would add nothing.
    log.configure("import", "warning")
    texts, refused = command_texts(language), 0
    for path in files:
        kind = kind_of(path)
        run = Import(settings, path, account, work=work)
        if again:
            run.forget()
        with click.progressbar(
            length=run.begin(kind), label=f"{path.name} ({kind})", file=sys.stderr
        ) as bar:
            count = asyncio.run(run.run(kind, bar.update))
        click.echo(
            texts.imported.format(
                file=path, accepted=count.accepted, refused=count.refused, skipped=count.skipped
            )
        )
        refused += count.refused
    if refused:
        ctx.exit(1)


COMMANDS = (import_,)
