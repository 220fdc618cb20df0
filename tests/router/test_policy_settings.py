"""The policy of the settings."""

import msgspec
import pytest

from router.decision.decide import decide_message
from router.policy_settings import build_policy
from runtime.settings.structs import Settings
from schemas.errors import ConfigError
from tests.support.messages import NOW, message


def test_a_brands_own_patterns_find_its_numbers() -> None:
    settings = msgspec.structs.replace(
        Settings(),
        router=msgspec.structs.replace(
            Settings().router, patterns={"order_number": r"\bSP(\d{4})\b"}
        ),
    )
    result = decide_message(message("SP4711 nerede"), None, build_policy(settings), NOW).decision
    assert [(e.kind, e.value) for e in result.entities] == [("order_number", "4711")]
    bad = msgspec.structs.replace(
        settings, router=msgspec.structs.replace(settings.router, patterns={"x": "("})
    )
    with pytest.raises(ConfigError, match="patterns.x"):
        build_policy(bad)
