"""The command `santral ledger` prints an account of every message.

It compares the sources, Kafka and the store, and changes nothing.
"""

import asyncio
import time
from typing import TYPE_CHECKING

import click

from cli.context import load_running_settings, open_store, print_record

if TYPE_CHECKING:
    from workers.store.ledger import Ledger


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
    settings, store = load_running_settings(ctx, "Kafka", "the store"), open_store(ctx)
    from ingest.intake.inventory import inventories
    from runtime import log
    from workers.store.ledger import read_ledger

    log.configure("ledger", "warning")
    positions = asyncio.run(inventories(settings))
    until = time.monotonic() + wait
    try:
        while True:
            account = read_ledger(store, settings, positions)
            settled = not account.pending and not account.unaccounted
            if settled or account.findings or time.monotonic() >= until:
                break
            time.sleep(0.2)
    finally:
        store.dispose()
    if as_json:
        print_record(account)
    else:
        _table(account)
    if account.unaccounted or account.findings:
        ctx.exit(1)


def _table(account: "Ledger") -> None:
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


COMMANDS = (ledger,)
