"""The command `santral demo`, which `santral up --demo` runs too.

It sends invented messages through the doors, or writes invented hours into pulses.v1.
"""

import asyncio
from datetime import UTC, datetime

import click

from cli.context import door_token, load_running_settings


@click.command()
@click.option("--rate", default=2.0, show_default=True, help="Messages a second.")
@click.option("--count", type=int, help="End after this many messages.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same traffic.")
@click.option(
    "--past",
    is_flag=True,
    help="Only invent the two weeks before, from which an outage differs. Writes nothing "
    "where the watch knows hours already.",
)
@click.pass_context
def demo(ctx: click.Context, rate: float, count: int | None, seed: int, past: bool) -> None:
    """Play invented Turkish and English traffic through the doors of what is running.

    After 120 messages customers in one town lose their internet, for 360 messages. Use a separate
    SANTRAL_HOME for a demo, because it keeps invented messages like any others.
    """
    settings = load_running_settings(ctx, "Kafka" if past else "the door")
    from cli.demo.traffic import play, texts

    if past:
        from cli.demo.baseline import invent

        hours = asyncio.run(invent(settings, texts(), rate, datetime.now(UTC)))
        click.echo(f"demo: {hours} hours invented")
        return
    door_token(settings)  # before the first message, not at it
    asyncio.run(play(settings, rate, count, seed, click.echo))


COMMANDS = (demo,)
