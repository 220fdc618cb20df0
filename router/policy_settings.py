"""The policy that the settings describe: rules, models, patterns and standing, each checked.

Before: settings. After: run.py, the commands and the benchmarks decide with it.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from router.decision.policy import Policy
from router.models import model_file
from router.text import customer_priority, rules
from router.text.entities import Pattern
from runtime.settings.structs import Settings
from schemas.errors import ConfigError, Problem


def pack_of(settings: Settings) -> rules.Pack:
    """Return the rules of the settings; raise ConfigError for a broken pack."""
    folder = Path(settings.router.pack) if settings.router.pack else rules.PACKS / "default"
    return rules.load(folder)


def policy(settings: Settings, models: Iterable[Path] = ()) -> Policy:
    """Return what decisions are made by, with these models or those of the settings; raise
    ConfigError for a broken pack or model."""
    files = tuple(models) or tuple(map(Path, settings.router.models))
    found = tuple(map(model_file.load, files))
    tasks = [m.head.task for m in found]
    if len(tasks) != len(set(tasks)):
        raise ConfigError([Problem(f"two models of one task: {', '.join(sorted(tasks))}")])
    path = settings.router.standing
    return Policy(
        pack=pack_of(settings),
        threshold=settings.router.threshold,
        departments=dict(settings.departments),
        models=found,
        patterns=_patterns(settings),
        incident_points=(settings.watch.points, settings.watch.points_confirmed),
        customer_priorities=customer_priority.load(Path(path))
        if path
        else customer_priority.NOBODY,
    )


def candidate(settings: Settings) -> Policy | None:
    """Return the policy of [router.shadow], None without one."""
    told = settings.router.shadow
    if not told.pack and not told.models:
        return None
    return live(trying(settings, told.pack, told.models))


def trying(settings: Settings, pack: str = "", models: tuple[str, ...] = ()) -> Settings:
    """Return the settings with another pack, or other models, where they are named."""
    told = settings.router
    router = msgspec.structs.replace(told, pack=pack or told.pack, models=models or told.models)
    return msgspec.structs.replace(settings, router=router)


def _patterns(settings: Settings) -> tuple[Pattern, ...]:
    """Return the brand's own patterns; raise ConfigError that names each that is none."""
    made: list[Pattern] = []
    problems: list[Problem] = []
    for kind, told in settings.router.patterns.items():
        try:
            made.append((kind, re.compile(told)))
        except re.error as error:
            problems.append(Problem(f"[router] patterns.{kind}: {told!r}: {error}"))
    if problems:
        raise ConfigError(problems)
    return tuple(made)


def live(settings: Settings) -> Policy:
    """Return the policy of the settings; a model must name departments that there are."""
    made = policy(settings)
    problems = [
        Problem(
            f"model {m.name}: {label!r} is no department. Add [departments.{label}], or train "
            "without it."
        )
        for m in made.models
        if m.head.task == "department"
        for label in m.head.labels
        if label not in made.departments and label != m.head.outside
    ]
    if problems:
        raise ConfigError(problems)
    return made
