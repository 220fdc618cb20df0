"""The part of `santral check` about calendars and service levels.

load.py has already refused tables that can't be read. These checks need all tables together.
"""

import difflib
from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path

import click

from runtime.settings.structs import Settings
from schemas.errors import ConfigError, Problem
from schemas.service_levels.levels import ServiceLevel


def service_level_findings(settings: Settings, today: date) -> list[Problem]:
    """Return the service levels that can't do what they promise, and print notes on estimates."""
    from ingest.registry import CHANNELS
    from runtime.settings.service_levels import findings
    from runtime.settings.service_levels.build import build_service_levels

    for note in findings.estimate_notes(settings.calendars, today):
        click.echo(f"note: {note}")
    levels = build_service_levels(settings, today).levels
    own = levels[: len(settings.sla)]
    if own:
        click.echo(f"{len(settings.calendars)} calendars, {len(own)} service levels")
    return [
        *findings.unreachable_levels(own),
        *findings.late_warnings(own),
        *_unknown_channels(own, CHANNELS),
        *_unknown_standings(settings, own),
    ]


def _unknown_channels(
    levels: tuple[ServiceLevel, ...], channels: Collection[str]
) -> Iterator[Problem]:
    for level in levels:
        for channel in level.channels:
            if channel not in channels:
                near = difflib.get_close_matches(channel, channels, n=1)
                advice = f"Did you mean {near[0]!r}?" if near else "docs/channels/ has the names."
                yield Problem(f"[sla.{level.name}] channel: no channel {channel!r}. {advice}")


def _unknown_standings(settings: Settings, levels: tuple[ServiceLevel, ...]) -> Iterator[Problem]:
    """Yield a problem for each standing that no customer has."""
    if not any(level.standings for level in levels):
        return
    customers = _standings(settings.router.standing)
    for level in levels:
        for standing in level.standings:
            if standing not in customers:
                yield Problem(
                    f"[sla.{level.name}] standing: no customer has the standing {standing!r} in "
                    "the file of [router] standing. Add a line with it, or correct it."
                )


def _standings(file: str) -> set[str]:
    from router.text.customer_priority import load_customer_priorities

    try:
        priorities = load_customer_priorities(Path(file)) if file else None
    except ConfigError:
        return set()  # the check of [router] names what is wrong with the file
    return {standing for standing, _ in priorities.by_handle.values()} if priorities else set()
