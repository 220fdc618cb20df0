"""The commands `santral decide` and `santral explain` print decisions as data and in words.

The decisions are those that the router would make, without a broker, or those of the store.
"""

import sys
from pathlib import Path
from typing import BinaryIO

import click

from cli.context import (
    MESSAGE_ID_HINT,
    check_id,
    check_personal,
    language_option,
    load_settings,
    models_option,
    open_store,
    personal_option,
    print_record,
    rules_option,
)
from schemas.errors import Unavailable
from schemas.text.masking import mask_decision


@click.command()
@click.argument("file", default="-", type=click.File("rb"))
@models_option("A model of `santral train`; may be given once a task.")
@rules_option("A pack's folder instead of the configured one.")
@click.pass_context
def decide(
    ctx: click.Context, file: BinaryIO, models: tuple[Path, ...], rules: Path | None
) -> None:
    """Decide JSON lines with at least `text`; print one Decision a line, in order. No broker.

    Also understood: id, subject, channel, sender, sent_at, conversation. Without --model those of
    [router] are used.
    """
    settings = load_settings(ctx)
    from cli.offline.decisions import AT_ONCE, decide_lines, load_trial_policy
    from router.policy_settings import with_overrides
    from runtime import log

    # A fault of ours goes to standard error: standard output has only decisions.
    log.configure("decide", "warning")
    policy = load_trial_policy(with_overrides(settings, str(rules or "")), models)
    # A person who types lines wants each answer at once.
    at_once = 1 if sys.stdin.isatty() and file.name == "<stdin>" else AT_ONCE
    for decision in decide_lines(file, settings, policy, at_once):
        print_record(decision)


@click.command()
@click.argument("what")
@personal_option
@language_option
@click.pass_context
def explain(ctx: click.Context, what: str, personal: bool, language: str) -> None:
    """Explain the decision on a message (by id), or on the text of a file.

    Personal numbers in quoted words are masked.
    """
    settings = load_settings(ctx)
    check_personal(settings, personal=personal)
    path = Path(what)
    if path.is_file():
        from cli.offline.decisions import decide_text

        decisions = [decide_text(path.read_text(errors="replace"), settings)]
    else:
        identifier = check_id(what, f"there is no such file, and {MESSAGE_ID_HINT}")
        store = open_store(ctx)
        from workers.store import queries

        with store.connect() as connection:
            decisions = queries.decisions(connection, identifier)
        if not decisions:
            raise Unavailable(f"the store has no decision on message {identifier}")
    from cli.offline.descriptions import describe_decision, wording_of

    wording = wording_of(language, settings.departments)
    for decision in decisions:
        shown = decision if personal else mask_decision(decision)
        for line in describe_decision(shown, wording):
            click.echo(line)


COMMANDS = (decide, explain)
