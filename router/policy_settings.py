"""The policies that the settings describe, with every part checked.

run.py, the commands and the benchmarks decide with them.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from router.decision.policy import Policy
from router.models import model_file
from router.models.model import Model
from router.text import pack_files, rules
from router.text.customer_priority import (
    NO_PRIORITIES,
    CustomerPriorities,
    load_customer_priorities,
)
from router.text.entities import Pattern
from runtime.settings.structs import Settings
from schemas.errors import ConfigError, Problem


def load_pack(settings: Settings) -> rules.Pack:
    """Return the rules of the settings; raise ConfigError for a broken pack."""
    folder = Path(settings.router.pack) if settings.router.pack else pack_files.PACKS / "default"
    return pack_files.read_pack(folder)


def build_policy(settings: Settings, model_files: Iterable[Path] = ()) -> Policy:
    """Return the policy with these models, or with those of the settings.

    Raises ConfigError for a broken pack, model, pattern or table of customers. The labels of the
    models need not be departments.
    """
    return Policy(
        pack=load_pack(settings),
        threshold=settings.router.threshold,
        departments=dict(settings.departments),
        models=_load_models(tuple(model_files) or tuple(map(Path, settings.router.models))),
        patterns=_compile_patterns(settings),
        incident_points=(settings.watch.points, settings.watch.points_confirmed),
        customer_priorities=_load_customers(settings.router.standing),
    )


def load_policy(settings: Settings) -> Policy:
    """Return the live policy; raise ConfigError also for a model with unknown departments."""
    policy = build_policy(settings)
    problems = [
        Problem(
            f"model {model.name}: there is no department {label!r}. Add [departments.{label}], or "
            "train without it."
        )
        for model in policy.models
        if model.head.task == "department"
        for label in model.head.labels
        if label not in policy.departments and label != model.head.outside
    ]
    if problems:
        raise ConfigError(problems)
    return policy


def load_shadow_policy(settings: Settings) -> Policy | None:
    """Return the policy of [router.shadow], None without one."""
    shadow = settings.router.shadow
    if not shadow.pack and not shadow.models:
        return None
    return load_policy(with_overrides(settings, shadow.pack, shadow.models))


def with_overrides(settings: Settings, pack: str = "", models: tuple[str, ...] = ()) -> Settings:
    """Return the settings with another pack or other models, where the caller names them."""
    router = settings.router
    router = msgspec.structs.replace(
        router, pack=pack or router.pack, models=models or router.models
    )
    return msgspec.structs.replace(settings, router=router)


def _load_models(files: Iterable[Path]) -> tuple[Model, ...]:
    models = tuple(map(model_file.load, files))
    tasks = [model.head.task for model in models]
    if len(tasks) != len(set(tasks)):
        raise ConfigError([Problem(f"two models of one task: {', '.join(sorted(tasks))}")])
    return models


def _compile_patterns(settings: Settings) -> tuple[Pattern, ...]:
    """Return the brand's own patterns; raise ConfigError with every broken one."""
    patterns: list[Pattern] = []
    problems: list[Problem] = []
    for kind, expression in settings.router.patterns.items():
        try:
            patterns.append((kind, re.compile(expression)))
        except re.error as error:
            problems.append(Problem(f"[router] patterns.{kind}: {expression!r}: {error}"))
    if problems:
        raise ConfigError(problems)
    return tuple(patterns)


def _load_customers(path: str) -> CustomerPriorities:
    return load_customer_priorities(Path(path)) if path else NO_PRIORITIES
