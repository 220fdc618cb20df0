"""The arguments name measurements and say how to compare."""

from pathlib import Path

import pytest

from bench.options import Options, parse_arguments
from tests.support.paths import ROOT

NAMES = ("router", "peers")


def test_without_a_name_all_run_with_the_defaults() -> None:
    assert parse_arguments([], NAMES) == (NAMES, Options())


def test_names_and_options_may_stand_in_any_order() -> None:
    arguments = ["--rounds", "7", "peers", "--processes", "2", "--messages", "20000", "--pure"]
    assert parse_arguments(arguments, NAMES) == (
        ("peers",),
        Options(rounds=7, processes=2, messages=20_000, pure=True),
    )


def test_a_checkout_is_a_folder_with_a_project() -> None:
    _, options = parse_arguments(["router", "--against", str(ROOT)], NAMES)
    assert options.against == ROOT


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["rooter"], "unknown measurement: rooter. Choose from router, peers"),
        (["--rounds", "0"], "'0' is not a count of 1 or more"),
        (["--rounds", "many"], "'many' is not a count of 1 or more"),
        (["--messages", "500"], "500 messages are too few, take 20,000"),
    ],
)
def test_a_wrong_argument_ends_with_a_sentence(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ending:
        parse_arguments(arguments, NAMES)
    assert ending.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_folder_without_a_project_is_no_checkout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["router", "--against", str(tmp_path)], NAMES)
    assert "is not a checkout: it has no pyproject.toml" in capsys.readouterr().err
