"""The policy: everything that decides a message. Pure data.

policy_settings.py builds it from the settings. decide.py hands its values to the steps.
"""

import functools
from dataclasses import dataclass

from router.decision.rule_summary import RuleSummarizer
from router.models.model import Model
from router.text.customer_priority import NO_PRIORITIES, CustomerPriorities
from router.text.entities import Pattern
from router.text.rules import Pack
from schemas.incident import Incident
from schemas.routing.departments import Department


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Rules, models, departments, thresholds and the open incidents.

    A department needs a confidence of `threshold`, from 0 to 1. The two `incident_points` go to
    messages of incidents that are open and of those that people confirmed.
    """

    pack: Pack
    threshold: float
    departments: dict[str, Department]
    models: tuple[Model, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    incidents: tuple[Incident, ...] = ()
    incident_points: tuple[int, int] = (0, 0)
    customer_priorities: CustomerPriorities = NO_PRIORITIES

    @functools.cached_property
    def model_names(self) -> str | None:
        """The names of the models as a decision records them, None without a model."""
        return " ".join(model.name for model in self.models) or None

    @functools.cached_property
    def summarizer(self) -> RuleSummarizer:
        """The summarizer of this pack's rules. A changed policy has its own summarizer."""
        return RuleSummarizer(self.departments)
