"""The commands that run one stage each: ingest, router, watch, workers, console.

A stage imports no other stage, so the console gets the router's decision on a text from here.
"""

import functools
from collections.abc import Callable

import click

from cli.context import load_settings
from runtime.settings import load, token_rules
from runtime.settings.structs import Settings
from schemas.decision import Decision


@click.command()
@click.option(
    "--only",
    type=click.Choice(["door"]),
    help="Run just the HTTP door, for further processes on one host. Default: the sources, too.",
)
@click.pass_context
def ingest(ctx: click.Context, only: str | None) -> None:
    """Run the door and the channels (one stage)."""
    settings = _load_stage_settings(ctx, with_accounts=True, with_tokens=True)
    from ingest.run import start

    start(settings, only_door=only == "door")


@click.command()
@click.pass_context
def router(ctx: click.Context) -> None:
    """Run the router (one stage)."""
    from runtime import compiled_modules

    modules = compiled_modules.activate()
    settings = _load_stage_settings(ctx)
    from router.run import start

    start(settings, modules)


@click.command()
@click.pass_context
def watch(ctx: click.Context) -> None:
    """Run the watch: live rates, and incidents (one stage)."""
    settings = _load_stage_settings(ctx)
    from router.watch.run import start

    start(settings)


@click.command()
@click.pass_context
def console(ctx: click.Context) -> None:
    """Run the console and the desk's API (one stage)."""
    settings = _load_stage_settings(ctx, with_tokens=True)
    from workers.run import start_console

    # Most consoles never try a text on the Rules page: the first one loads the rules and models.
    @functools.cache
    def decider() -> Callable[[str], Decision]:
        from cli.offline.decisions import text_decider

        return text_decider(settings)

    start_console(settings, lambda text: decider()(text))


@click.command()
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(["recorder", "desk", "replies"]),
    help="Run just this worker; may be given more than once. Default: all of them.",
)
@click.pass_context
def workers(ctx: click.Context, only: tuple[str, ...]) -> None:
    """Run the workers: recorder, desk feed, replies (one stage)."""
    settings = _load_stage_settings(ctx, with_accounts=True, with_tokens=True)
    from workers.run import WORKERS, start

    start(settings, only or WORKERS)


def _load_stage_settings(
    ctx: click.Context, *, with_accounts: bool = False, with_tokens: bool = False
) -> Settings:
    """Return a stage's settings; raise ConfigError for topics that may lose accepted messages.

    A stage waits for a broker that the settings name. Where they name none and none answers at the
    default address, this raises Unavailable before the stage makes anything. `with_tokens` also
    checks the tokens, for the stages that let people in.
    """
    from runtime.stage.reach import check_running, is_reachable

    if not load.names_broker(ctx.find_root().obj):
        check_running(load_settings(ctx), "Kafka")
    settings = load_settings(ctx, with_accounts=with_accounts)
    if with_tokens:
        token_rules.check_tokens(settings.tokens)
    from runtime.topics.creation import check_at_start
    from schemas.topics import all_topics

    wanted = all_topics(tuple(settings.departments))
    check_at_start(settings.kafka, wanted, answers=is_reachable(settings, "Kafka"))
    return settings


COMMANDS = (ingest, router, watch, console, workers)
