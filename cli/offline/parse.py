"""The command `santral parse` prints the messages that a channel makes of captured input."""

from pathlib import Path

import click

from cli.context import load_settings
from schemas.errors import Rejected


@click.command()
@click.argument("channel")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--account", default="default", show_default=True, help="The channel's account.")
@click.option("--secret", default="", help="The secret that verifies an .http request's signature.")
@click.option("--now", default="", help="The time of its arrival, in ISO 8601 or in Unix seconds.")
@click.pass_context
def parse(
    ctx: click.Context, channel: str, files: tuple[Path, ...], account: str, secret: str, now: str
) -> None:
    """Print the Message that CHANNEL makes of each captured FILE, or the reason of its refusal.

    A FILE.http is a whole request (request line, headers, blank line, body) to a vendor's webhook.
    The command verifies its signature with --secret (or the account's settings) at --now.
    """
    from cli.offline.trial import Trial

    try:
        trial = Trial(load_settings(ctx), channel, account, secret, now)
    except Rejected as error:
        raise click.UsageError(error.text) from error
    for path in files:
        for line in trial.run(path.name, path.read_bytes()):
            click.echo(line)


COMMANDS = (parse,)
