"""The command `santral store adopt` lets a store follow another Kafka.

The recorder then reads Kafka's logs from their first offsets. The records of the store stay, and a
record that comes again makes no second row.
"""

from typing import TYPE_CHECKING

import click

from cli.context import load_running_settings, open_store
from schemas.errors import Unavailable

if TYPE_CHECKING:
    from workers.store.topic_logs import Log, StoredLog


@click.group()
def store() -> None:
    """Work on the store as a whole."""


@store.command()
@click.option("--yes", is_flag=True, help="Do it without a question.")
@click.pass_context
def adopt(ctx: click.Context, yes: bool) -> None:
    """Let the store follow the Kafka of the settings, after that was made again or lost records.

    Prints, for each topic and partition, the store's position and the log's offsets, and asks
    before it changes a position. The recorder may run: it begins with the new logs by itself.

    Exit code 1 when there is something to adopt and the answer is no.
    """
    settings = load_running_settings(ctx, "Kafka", "the store")
    engine = open_store(ctx)
    from workers.store import topic_logs as records

    try:
        logs = records.KafkaLogs(settings.kafka).read(t.name for t in records.RECORDED)
        with engine.connect() as connection:
            stored = records.stored_logs(connection)
            _check_migrated(records.knows_logs(connection))
        reasons = records.differences(stored, logs)
        if not reasons:
            click.echo("the store follows this Kafka already: there is nothing to adopt")
            return
        for topic, reason in reasons.items():
            click.echo(reason)
            for line in _positions(stored[topic], logs[topic]):
                click.echo(line)
        click.echo(
            "The recorder will read these topics from their first offsets. All records of the "
            "store stay; those that come again make no second row."
        )
        if not yes and not click.confirm("Adopt these logs?"):
            ctx.exit(1)
        with engine.begin() as connection:
            records.adopt(connection, {topic: logs[topic] for topic in reasons})
        click.echo(f"adopted {len(reasons)} topics: `santral ledger --wait 60` shows the result")
    finally:
        engine.dispose()


def _check_migrated(migrated: bool) -> None:
    if not migrated:
        raise Unavailable(
            "the store has the tables of an older version: start the recorder of this version once"
        )


def _positions(stored: "StoredLog", log: "Log") -> list[str]:
    """Return a line for each partition: its position in the store, and the log's offsets."""
    lines = []
    for partition in sorted(set(stored.positions) | set(log.ranges)):
        position = stored.positions.get(partition)
        recorded = "nothing recorded" if position is None else f"recorded up to {position}"
        first, end = log.ranges.get(partition, (None, None))
        offsets = "no such partition in Kafka" if end is None else f"Kafka has {first} to {end}"
        lines.append(f"  partition {partition}: {recorded}, {offsets}")
    return lines


COMMANDS = (store,)
