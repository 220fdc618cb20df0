"""The first service level that matches a message, and those that no message can get."""

from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.service_levels.levels import (
    MessageTraits,
    ServiceLevel,
    choose_service_level,
    shadowing_levels,
)

MESSAGE = MessageTraits(
    brand="acme",
    department="billing",
    channel="email",
    intent="complaint",
    severity=1,
    priority=40,
    standing="gold",
)


def level(name: str, **conditions: object) -> ServiceLevel:
    """Return a service level with these conditions."""
    return msgspec.convert(
        {"name": name, "calendar": "c", "first_response_s": 60, **conditions}, ServiceLevel
    )


@pytest.mark.parametrize(
    "conditions",
    [
        {},
        {"brands": ["acme", "other"]},
        {"departments": ["billing"]},
        {"channels": ["chat", "email"]},
        {"intents": ["complaint"]},
        {"standings": ["gold"]},
        {"severity": 1},
        {"priority": 40},
        {"brands": ["acme"], "severity": 1, "priority": 1},
    ],
)
def test_a_message_matches_conditions_that_it_meets(conditions: dict[str, object]) -> None:
    assert level("x", **conditions).matches(MESSAGE)


@pytest.mark.parametrize(
    "conditions",
    [
        {"brands": ["other"]},
        {"departments": ["technical"]},
        {"channels": ["chat"]},
        {"intents": ["request"]},
        {"standings": ["silver"]},
        {"severity": 2},
        {"priority": 41},
        {"departments": ["billing"], "channels": ["chat"]},
    ],
)
def test_a_message_does_not_match_a_condition_that_it_misses(conditions: dict[str, object]) -> None:
    assert not level("x", **conditions).matches(MESSAGE)


def test_the_first_match_rules() -> None:
    levels = (level("chat", channels=["chat"]), level("gold", standings=["gold"]), level("rest"))
    chosen = choose_service_level(levels, MESSAGE)
    assert chosen is not None
    assert chosen.name == "gold"


def test_a_message_may_have_no_service_level() -> None:
    assert choose_service_level((level("chat", channels=["chat"]),), MESSAGE) is None


def _shadows(*levels: ServiceLevel) -> list[str]:
    return [other.name for other in shadowing_levels(levels, len(levels) - 1)]


def test_a_wider_level_takes_all_messages_of_a_narrower_one_below() -> None:
    assert _shadows(level("rest"), level("chat", channels=["chat"])) == ["rest"]
    assert _shadows(level("chat", channels=["chat"]), level("rest")) == []


def test_two_levels_together_take_all_messages_of_a_third() -> None:
    chat, mail = level("chat", channels=["chat"]), level("mail", channels=["email"])
    assert _shadows(chat, mail, level("both", channels=["email", "chat"])) == ["chat", "mail"]
    assert _shadows(chat, mail, level("more", channels=["email", "chat", "form"])) == []


def test_a_level_for_less_severe_messages_is_reachable() -> None:
    assert _shadows(level("severe", severity=2), level("rest", severity=1)) == []
    assert _shadows(level("any", severity=1), level("severe", severity=2)) == ["any"]


_CHOICES = st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True)
_LEVELS = st.lists(
    st.fixed_dictionaries(
        {
            "brands": _CHOICES,
            "departments": _CHOICES,
            "channels": _CHOICES,
            "severity": st.integers(0, 2),
            "priority": st.sampled_from([0, 50]),
        }
    ),
    min_size=1,
    max_size=5,
)


@given(_LEVELS)
def test_a_level_is_shadowed_when_no_message_of_all_gets_it(
    conditions: list[dict[str, object]],
) -> None:
    levels = [level(f"l{number}", **names) for number, names in enumerate(conditions)]
    values = ("a", "b", "other")
    reached = set()
    for brand, department, channel, severity, priority in product(
        values, values, values, range(3), (0, 50)
    ):
        chosen = choose_service_level(
            levels,
            MessageTraits(
                brand=brand,
                department=department,
                channel=channel,
                intent="x",
                severity=severity,
                priority=priority,
            ),
        )
        reached |= {chosen.name} if chosen is not None else set()
    shadowed = {each.name for index, each in enumerate(levels) if shadowing_levels(levels, index)}
    assert shadowed == {each.name for each in levels} - reached


def test_many_levels_with_many_names_are_compared_quickly() -> None:
    names = [f"n{number}" for number in range(40)]
    levels = [
        level(f"l{number}", brands=names[number:], channels=names[: number + 1], intents=names)
        for number in range(40)
    ]
    assert shadowing_levels([*levels, level("rest")], 40) == ()
