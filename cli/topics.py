"""The commands `santral topics` and `santral tap`, about Kafka's topics and their records.

`topics` creates the topics that are missing. `tap` only reads.
"""

import click

from cli.context import check_personal, load_running_settings, load_settings, personal_option
from schemas.errors import ConfigError, Unavailable
from schemas.text.masking import mask_json
from schemas.topics import all_topics


@click.command()
@click.pass_context
def topics(ctx: click.Context) -> None:
    """Create the topics that are missing, and compare all with what Santral needs.

    Lists each difference with its reason and the command that removes it. Exit code 1 for a
    difference, 2 when Kafka does not answer.
    """
    settings = load_running_settings(ctx, "Kafka")
    from runtime.topics.creation import check_created, create_topics

    wanted = all_topics(tuple(settings.departments))
    created, problems = create_topics(settings.kafka, wanted)
    for name in created:
        click.echo(f"created {name}")
    if problems:
        raise ConfigError(problems)
    differences = check_created(settings.kafka, wanted, created)
    for finding in differences:
        click.echo(str(finding))
    if differences:
        ctx.exit(1)
    click.echo("all topics are as they should be")


@click.command()
@click.argument("topics", nargs=-1, metavar="[TOPIC]…")
@click.option("--from-beginning", is_flag=True, help="Begin with the oldest record.")
@click.option(
    "--until-now",
    is_flag=True,
    help="Print the records that exist now, from the oldest on, and end.",
)
@click.option("--count", type=click.IntRange(1), help="End after this number of records.")
@personal_option
@click.pass_context
def tap(
    ctx: click.Context,
    topics: tuple[str, ...],
    from_beginning: bool,
    until_now: bool,
    count: int | None,
    personal: bool,
) -> None:
    """Print the committed records of one or more TOPICs as JSON lines, as they come.

    `queue.billing` means queue.billing.v1. Without a TOPIC it lists the topics. Personal
    numbers are masked.
    """
    carried = {t.name: t.carries for t in all_topics(tuple(load_settings(ctx).departments))}
    if not topics:
        width = max(map(len, carried))
        for name, carries in carried.items():
            click.echo(f"{name:<{width}}  {carries}")
        return
    names = [name if name.endswith(".v1") else f"{name}.v1" for name in topics]
    for name in names:
        if name not in carried:
            short = ", ".join(n.removesuffix(".v1") for n in carried)
            raise Unavailable(f"no topic {name.removesuffix('.v1')!r}. There are: {short}")
    settings = load_running_settings(ctx, "Kafka")
    check_personal(settings, personal=personal)
    from runtime.bus.tap import tap as copy_records

    def emit(_topic: str, value: bytes) -> None:
        click.echo(value.decode("utf-8", "replace") if personal else mask_json(value))

    copy_records(
        settings.kafka,
        names,
        emit,
        from_beginning=from_beginning,
        until_now=until_now,
        count=count,
    )


COMMANDS = (topics, tap)
