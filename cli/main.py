"""The `santral` command with all its sub-commands, and errors that say what to do next.

A command imports what it runs when it runs, so that `santral --help` is quick.
"""

import sys
from pathlib import Path

import click

from cli import (
    backtest,
    check,
    dead,
    imports,
    ledger,
    messages,
    models,
    stages,
    store,
    topics,
)
from cli.demo import command as demo
from cli.offline import decide, parse
from cli.service_levels import command as service_levels
from cli.up import command as up
from schemas.errors import ConfigError, SantralError

_STAGES = {command.name for command in stages.COMMANDS}


class _Group(click.Group):
    """Prints an error as a sentence, without a traceback, and exits with 2 (can't answer)."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx else "santral"
            message = error.format_message().rstrip(".")
            click.echo(f"error: {message}. See `{command} --help`.", err=True)
            ctx.exit(2)
        except ConfigError as error:
            problems = "\n  ".join(error.problems)
            head = "error: " if len(error.problems) == 1 else "the configuration is wrong:\n  "
            click.echo(head + problems, err=True)
            ctx.exit(2)
        except SantralError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(2)
        except KeyboardInterrupt:
            ctx.exit(130)
        except click.exceptions.Exit:
            raise
        except Exception as error:
            from runtime.health.endings import describe_ending, describe_outage

            line = describe_ending(error)
            # A stage waits for its neighbours: an outage that ends one is a bug with a traceback.
            if line is None and ctx.invoked_subcommand not in _STAGES:
                line = describe_outage(error)
            if line is None:
                raise
            click.echo(f"error: {line}", err=True)
            ctx.exit(2)


def _print_version(ctx: click.Context, _option: click.Parameter, is_wanted: bool) -> None:
    """Print the version, and whether the router would run its compiled modules."""
    if is_wanted:
        from importlib.metadata import version

        from runtime import compiled_modules

        modules = compiled_modules.find_status().value
        click.echo(f"santral, version {version('santral')}\nrouter: {modules}")
        ctx.exit()


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(dir_okay=False), help="Settings file (santral.toml).")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
@click.pass_context
def main(ctx: click.Context, config: str | None) -> None:
    """Take every message a customer sends, and put it before the right department, once, with
    the reason why.

    Start with `santral up --demo`, then open the address it prints.
    """
    ctx.obj = Path(config) if config else None


for _module in (
    up,
    stages,
    check,
    topics,
    messages,
    parse,
    decide,
    models,
    backtest,
    service_levels,
    ledger,
    dead,
    store,
    imports,
    demo,
):
    for _command in _module.COMMANDS:
        main.add_command(_command)

if __name__ == "__main__":
    sys.exit(main())
