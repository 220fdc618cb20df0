"""The `santral` command: every sub-command, with errors that say what to do next.

Before: a person or a supervisor. After: one stage's `start`, loaded only when it is asked for.
"""

import functools
import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from runtime import settings_file, token_rules
from schemas.errors import ConfigError, SantralError


class _Group(click.Group):
    """Prints an error as a sentence, without a traceback, and exits with 2 (can't answer)."""

    def invoke(self, ctx: click.Context) -> Any:
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
            line = importlib.import_module("runtime.endings").describe_ending(error)
            if line is None:
                raise
            click.echo(f"error: {line}", err=True)
            ctx.exit(2)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(dir_okay=False), help="Settings file (santral.toml).")
@click.version_option(package_name="santral")
@click.pass_context
def main(ctx: click.Context, config: str | None) -> None:
    """Take every message a customer sends, and put it before the right department, once, with
    the reason why.

    Start with `santral up --demo`, then open the address it prints.
    """
    ctx.obj = Path(config) if config else None


def load(ctx: click.Context, *, whole: bool = False) -> Any:
    """Read the settings; `whole` also checks the tables of channels and actions."""
    sections: dict[str, Any] = {}
    if whole:
        for module in ("ingest.registry", "workers.registry"):
            sections |= importlib.import_module(module).sections()
    return settings_file.load(ctx.find_root().obj, sections=sections)


def load_stage(ctx: click.Context, *, whole: bool = False, tokens: bool = True) -> Any:
    """Read a stage's settings, and check `tokens` where the stage needs them.

    A stage waits for a broker that the settings name. Where they name none and none answers at the
    default address, this raises Unavailable before the stage makes anything.
    """
    if not settings_file.names_broker(ctx.find_root().obj):
        importlib.import_module("runtime.reach").check_running(load(ctx), "Kafka")
    settings = load(ctx, whole=whole)
    if tokens:
        token_rules.check_tokens(settings.tokens)
    _check_topics(settings)
    return settings


def _check_topics(settings: Any) -> None:
    """Raise ConfigError for topics that may lose accepted messages; wait for Kafka in a thread."""
    from runtime.reach import is_reachable
    from runtime.topics import check_at_start
    from schemas.topics import all_topics

    wanted = all_topics(tuple(settings.departments))
    check_at_start(settings.kafka, wanted, answers=is_reachable(settings, "Kafka"))


def _stage(name: str, module: str, function: str, text: str) -> None:
    @main.command(name, help=text)
    @click.pass_context
    def run(ctx: click.Context) -> None:
        settings = load_stage(ctx, whole=name == "ingest", tokens=name == "ingest")
        getattr(importlib.import_module(module), function)(settings)


_stage("ingest", "ingest.run", "start", "Run the door and the channels (one stage).")
_stage("router", "router.run", "start", "Run the router (one stage).")
_stage("watch", "router.watch", "start", "Run the watch: live rates, and incidents (one stage).")


@main.command()
@click.pass_context
def console(ctx: click.Context) -> None:
    """Run the console and the desk's API (one stage)."""
    settings = load_stage(ctx)

    # Stages import no other: what tries a message on the Rules page is brought from here.
    # It is read when somebody tries one: most of the console's life nobody does.
    @functools.cache
    def trial() -> Callable[[str], Any]:
        repair = importlib.import_module("ingest.clean.letters").repair_letters
        decide: Callable[[str], Any] = importlib.import_module("cli.offline.decisions").trial(
            settings, repair
        )
        return decide

    importlib.import_module("workers.run").start_console(settings, lambda text: trial()(text))


@main.command()
@click.option(
    "--only", multiple=True, type=click.Choice(["recorder", "desk", "replies"]),
    help="Run just this worker; may be given more than once. Default: all of them.",
)  # fmt: skip
@click.pass_context
def workers(ctx: click.Context, only: tuple[str, ...]) -> None:
    """Run the workers: recorder, desk feed, replies (one stage)."""
    settings = load_stage(ctx, whole=True)
    run = importlib.import_module("workers.run")
    run.start(settings, only or run.WORKERS)


@main.command()
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
def up(ctx: click.Context, demo: bool, rate: float, ports: str) -> None:
    """Run everything on this machine: real Kafka, Valkey, SQLite and every stage.

    The first start downloads Kafka (43 MB). Ctrl-C stops everything, and nothing is lost. A demo
    has its own home, var-demo, unless SANTRAL_HOME names another.
    """
    if demo:
        os.environ.setdefault("SANTRAL_HOME", "var-demo")
    local = importlib.import_module("cli.up.supervisor")
    local.up(load(ctx, whole=True), click.echo, rate if demo else None, ports)


def _load_commands() -> None:
    """Register the commands that their own files declare."""
    for module in (
        "messages",
        "check",
        "dead",
        "store",
        "imports",
        "models",
    ):
        importlib.import_module(f"cli.{module}").register(main)


_load_commands()

if __name__ == "__main__":
    sys.exit(main())
