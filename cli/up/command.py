"""The command `santral up` runs the supervisor until Ctrl-C."""

import asyncio
import os
from typing import TYPE_CHECKING

import click

from cli.context import load_settings

if TYPE_CHECKING:
    from cli.up.ports import Choice


@click.command()
@click.option("--demo", is_flag=True, help="Play invented traffic through the real doors.")
@click.option("--rate", default=2.0, show_default=True, help="Messages a second of the demo.")
@click.option(
    "--ports",
    type=click.Choice(["settings", "auto"]),
    default="settings",
    show_default=True,
    help="auto: take free ports, and remember them for later starts with this home.",
)
@click.pass_context
def up(ctx: click.Context, demo: bool, rate: float, ports: "Choice") -> None:
    """Run everything on this machine: real Kafka, Valkey, SQLite and every stage.

    The first start downloads Kafka (43 MB). Ctrl-C stops everything, and nothing is lost. A demo
    has its own home, var-demo, unless SANTRAL_HOME names another.
    """
    if demo:
        os.environ.setdefault("SANTRAL_HOME", "var-demo")
    settings = load_settings(ctx, with_accounts=True)
    from cli.up.supervisor import Supervisor

    asyncio.run(Supervisor(settings, click.echo, rate if demo else None, ports).run())


COMMANDS = (up,)
