"""The commands `santral check`, `status` and `env`, about the configuration and what runs.

Each server and stage gets one short request, and the commands change nothing.
"""

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from cli.context import door_token, load_running_settings, load_settings, print_record
from cli.service_levels.checks import service_level_findings
from runtime.settings import token_rules
from runtime.settings.structs import ArchiveSettings, RedisSettings, Settings, TokensSettings
from schemas.errors import ConfigError, Problem, Unavailable

if TYPE_CHECKING:
    from router.text.rules import Pack
    from runtime.stage.reach import Need
    from workers.status import SystemStatus


@click.command()
@click.pass_context
def env(ctx: click.Context) -> None:
    """Print the running profile's addresses and tokens for a shell: eval "$(santral env)"."""
    settings = load_running_settings(ctx, "the door")
    values = {
        "SANTRAL_HOME": str(settings.home_path),
        "DOOR": settings.console.door_url,
        "CONSOLE": settings.door.desk_url,
        "KAFKA": settings.kafka.bootstrap,
        "REDIS": settings.redis.url,
        "STORE": settings.store_url,
        "DOOR_TOKEN": door_token(settings),
        "DESK_TOKEN": settings.tokens.desk,
        "CONSOLE_TOKEN": settings.tokens.console,
    }
    for name, value in values.items():
        click.echo(f"export {name}={shlex.quote(value)}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One object, for machines.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Show each part's address and lag, the messages that wait, and every fault.

    Exit code 1 when a part is down or something is unaccounted for, 2 when nothing runs.
    """
    settings = load_settings(ctx)
    _check_anything_runs(settings)
    from workers.status import collect_status

    status_now = collect_status(settings)
    if as_json:
        print_record(status_now)
    else:
        for line in _lines(status_now):
            click.echo(line)
    if status_now.findings:
        ctx.exit(1)


def _lines(status_now: "SystemStatus") -> list[str]:
    lines = [f"home       {status_now.home}"]
    for name, state in status_now.parts.items():
        lines.append(f"{name:<10} {state.address:<28} {state.trouble or 'ready'}")
        lines += [f"           {note}" for note in state.notes]
    behind = "  ".join(f"{name} {_count(n)}" for name, n in status_now.behind.items())
    waiting = "  ".join(f"{d} {n}" for d, n in status_now.waiting.items() if n)
    in_hand = "  ".join(f"{d} {n}" for d, n in status_now.in_hand.items() if n)
    return [
        *lines,
        f"behind     {behind or ('unknown' if status_now.parts['kafka'].trouble else '0')}",
        f"waiting    {_sum(status_now.waiting)}{'  ' if waiting else ''}{waiting}",
        f"in hand    {_sum(status_now.in_hand)}{'  ' if in_hand else ''}{in_hand}",
        f"dead       {_count(status_now.dead)}",
        f"pending    {_count(status_now.pending)}",
        f"unaccounted {_count(status_now.unaccounted)}",
        *(f"! {finding}" for finding in status_now.findings),
    ]


def _count(number: int | None) -> str:
    return "unknown" if number is None else str(number)


def _sum(numbers: dict[str, int]) -> str:
    return str(sum(numbers.values())) if numbers else "unknown"


@click.command()
@click.option("--offline", is_flag=True, help="Only read the files, without trying a connection.")
@click.pass_context
def check(ctx: click.Context, offline: bool) -> None:
    """Read all of the configuration, run the rules' samples, and try the connections.

    Lists all mistakes at once, each with its file, key and remedy. Exit code 2 if there is one, 1
    if only Kafka's topics differ from what Santral needs.
    """
    if not offline:
        _check_anything_runs(load_settings(ctx))
    settings = load_settings(ctx, with_accounts=True)
    problems = _rule_problems(settings) + _channel_problems(settings)
    problems += _token_problems(settings.tokens)
    problems += service_level_findings(settings, datetime.now(UTC).date())
    differences: list[str] = []
    if not offline:
        problems += _connection_problems(settings)
        try:
            differences = _topic_differences(settings)
        except Unavailable as error:
            problems.append(Problem(str(error)))
        except ConfigError as error:
            problems += error.problems
    for line in differences:
        click.echo(line)
    if problems:
        raise ConfigError(problems)
    if differences:
        ctx.exit(1)
    click.echo("everything is as it should be")


def _rule_problems(settings: Settings) -> list[Problem]:
    """Return the mistakes in the rules and models, and print notes on rules without effect."""
    from router import policy_settings
    from router.text import pack_files, rule_checks

    folder = Path(settings.router.pack) if settings.router.pack else pack_files.PACKS / "default"
    pack = pack_files.read_pack(folder)
    problems: list[Problem] = rule_checks.failing_samples(pack)
    problems += _department_problems(settings, pack, folder)
    for line in rule_checks.shadowed_rules(pack):
        click.echo(f"note: {line}")
    for build in (policy_settings.load_policy, policy_settings.load_shadow_policy):
        try:
            build(settings)
        except ConfigError as error:
            problems += error.problems
    if "triage" not in settings.departments:
        problems.append(
            Problem("[departments.triage] is missing: uncertain messages need a department")
        )
    click.echo(
        f"{len(pack.rules)} rules in {pack.version}, {len(settings.departments)} departments"
    )
    return problems


def _channel_problems(settings: Settings) -> list[Problem]:
    """Return the mistakes in the mail door's settings, and print each channel's set-up."""
    from ingest.accounts import accounts_of, configured_accounts
    from ingest.channels.email import Email
    from ingest.door import lmtp
    from ingest.registry import setups

    configured = configured_accounts(settings)
    for line in setups(configured, settings.console.door_url):
        click.echo(line)
    try:
        lmtp.check(settings.mail_door, accounts_of(configured, Email()))
    except ConfigError as error:
        return list(error.problems)
    return []


def _department_problems(settings: Settings, pack: "Pack", folder: Path) -> list[Problem]:
    """Return the departments that the rules name and the settings do not have.

    Departments in the settings replace the default ones: the default pack's rules for the others
    then have no effect, which one line says.
    """
    missing = {r.department for r in pack.rules if r.department} - set(settings.departments)
    if settings.router.pack:
        return [Problem(f"{folder}: no department {name!r} in [departments]") for name in missing]
    if missing:
        click.echo(
            "note: [departments] replaces the default departments. The default rules for "
            f"{', '.join(sorted(missing))} have no effect: add [departments.NAME] for those you "
            "want, or set `pack` in [router] to rules of your own."
        )
    return []


def _topic_differences(settings: Settings) -> list[str]:
    """Return a line for each difference of Kafka's topics; raise Unavailable without an answer."""
    from runtime.topics.creation import check_topics
    from schemas.topics import all_topics

    differences = check_topics(settings.kafka, all_topics(tuple(settings.departments)))
    click.echo(f"Kafka {settings.kafka.bootstrap}: answers")
    return [str(finding) for finding in differences]


def _check_anything_runs(settings: Settings) -> None:
    """Raise Unavailable when every connection fails; a single failure is listed later."""
    from runtime.stage.reach import is_reachable

    servers: tuple[Need, ...] = ("Kafka", "Redis", "the store")
    if not any(is_reachable(settings, need) for need in servers):
        raise Unavailable(
            f"nothing runs with {settings.home_path}. Start it with `make run`, set SANTRAL_HOME "
            "to the folder of what runs. `santral check --offline` reads the files alone."
        )


def _token_problems(tokens: TokensSettings) -> list[Problem]:
    problems = token_rules.token_problems(tokens)
    if any(msgspec.structs.astuple(tokens)):
        return problems + token_rules.signing_problems(tokens)
    click.echo("note: no token is set; `santral up` makes its own, other profiles need [tokens]")
    return problems


def _connection_problems(settings: Settings) -> list[Problem]:
    from sqlalchemy.exc import SQLAlchemyError

    from runtime.store import engine

    problems = check_redis(settings.redis) + check_bucket(settings.archive)
    store = engine(settings.store_url)
    try:
        with store.connect():
            click.echo(f"store {store.url!r}: answers")
    except SQLAlchemyError as error:
        problems.append(Problem(f"the store {store.url!r} does not answer: {error}"))
    finally:
        store.dispose()
    return problems


def check_bucket(settings: ArchiveSettings) -> list[Problem]:
    """Return why nothing can be written to the archive's bucket; say its address when it can."""
    if not settings.url.startswith("s3://"):
        return []

    from runtime.archive.bucket import BucketStore

    try:
        BucketStore(settings).probe()
    except Unavailable as error:
        return [Problem(str(error))]
    click.echo(f"archive {settings.url}: can be written")
    return []


def check_redis(settings: RedisSettings) -> list[Problem]:
    """Return why Redis can't serve; say its address when it can."""
    from runtime.redis.client import connect_sync
    from runtime.redis.errors import AWAY, RedisAway, summary
    from runtime.settings.redis_addresses import describe

    address = describe(settings)
    with connect_sync(settings) as client:
        try:
            if client.execute_command("ROLE")[0] not in (b"master", "master"):
                raise RedisAway("READONLY")
        except AWAY as error:
            reason = summary(error)
            return [Problem(f"Redis at {address} can't serve: {reason}. Start it, or set [redis].")]
    click.echo(f"Redis {address}: answers")
    return []


COMMANDS = (check, status, env)
