"""The policy of the settings."""

from pathlib import Path

import msgspec
import pytest

from router.decision.decide import decide_message
from router.models import model_file
from router.policy_settings import build_policy, load_policy
from runtime.settings.structs import Settings
from schemas.errors import ConfigError
from schemas.routing.departments import DEFAULT
from tests.support.messages import NOW, message
from tests.support.router.trained_models import FILLERS, department_model, train_departments


def _with_models(*paths: Path) -> Settings:
    router = msgspec.structs.replace(Settings().router, models=tuple(map(str, paths)))
    return msgspec.structs.replace(Settings(), router=router)


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


@pytest.mark.slow  # a model is trained
def test_a_live_model_may_name_the_departments_of_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "departments.model"
    model_file.save(path, department_model())
    (model,) = load_policy(_with_models(path)).models
    assert set(model.head.labels) <= set(DEFAULT)


@pytest.mark.slow  # a model is trained
def test_a_live_model_with_another_department_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "space.model"
    model_file.save(path, train_departments(*[(f"uzay gemisi {w}", "space") for w in FILLERS]))
    with pytest.raises(ConfigError, match=r"Add \[departments.space\]"):
        load_policy(_with_models(path))


@pytest.mark.slow  # a model is trained
def test_two_models_of_one_task_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "departments.model"
    model_file.save(path, department_model())
    with pytest.raises(ConfigError, match="two models of one task"):
        build_policy(_with_models(path, path))
