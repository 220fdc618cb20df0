"""The measures of a checkout count what their labels say."""

from pathlib import Path

import pytest

from bench.house.__main__ import main
from bench.house.files import PythonFile, checkout, python_files, without_exceptions
from bench.house.measures import large_packages, page_row, rows
from bench.house.repeats import repeat_count

STATEMENTS = [f"total = add(total, value_{number})" for number in range(6)]
SAME_SHAPE = [line.replace("total", "price") for line in STATEMENTS]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout with one file of each area, and one page."""
    files = {
        "pyproject.toml": "[tool.ruff]\nline-length = 100\n",
        "README.md": "# A page\n\nWhat it does is little.\n",
        "router/loop.py": "held: Any = [\n 1,\n 2]  # fmt: skip\n",
        "router/calls.py": "def f(self, a, b, c, d, e, f, g, *, h): ...\n",
        "tests/test_loop.py": 'x = importlib.import_module("router.loop")\n',
        "bench/router.py": "class A: ...\n\n\nclass A: ...\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_a_row_counts_production_tests_and_the_rest(tree: Path) -> None:
    table = {label: counts for label, *counts in rows(tree, python_files(tree))}
    assert table["Python files"] == ["2", "1", "1"]
    assert table["lines, as committed"] == ["4", "1", "4"]
    assert table["lines, as formatted"] == ["2", "1", "4"]
    assert table["`fmt: skip`"] == ["1", "0", "0"]
    assert table["`Any`"] == ["1", "0", "0"]
    assert table["functions with 8 or more parameters"] == ["1", "0", "0"]
    assert table["imports by string"] == ["0", "1", "0"]
    assert table["words ruled out, as names"] == ["1", "0", "0"]
    assert table["class names with several meanings"] == ["0", "0", "1"]
    assert table["classes that share their name"] == ["0", "0", "2"]


def test_the_settings_of_two_channels_share_their_name_on_purpose(tree: Path) -> None:
    for name in ("ingest/channels/line.py", "ingest/channels/viber.py"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("class Account: ...\n\n\nclass Message: ...\n", encoding="utf-8")
    table = {label: counts for label, *counts in rows(tree, python_files(tree))}
    assert table["class names with several meanings"] == ["1", "0", "1"]
    assert table["classes that share their name"] == ["2", "0", "2"]


def test_only_a_comment_is_an_exception_to_the_format() -> None:
    source = 'label = "# fmt: skip"\nrow = [\n    1]  # fmt: skip\n'
    assert without_exceptions(source) == 'label = "# fmt: skip"\nrow = [\n    1]\n'


def test_findings_of_pages_have_a_sentence_of_their_own(tree: Path) -> None:
    assert page_row(tree) == "1 pages of documentation have 1 findings in their prose."


def test_a_package_is_large_from_its_thirteenth_module() -> None:
    names = ["__init__", *(f"module_{number}" for number in range(13))]
    files = [PythonFile(f"router/{name}.py", "", "") for name in names]
    assert large_packages(files) == {"router": 13}
    assert large_packages(files[:-1]) == {}


def test_blank_lines_and_comments_do_not_hide_that_files_share_lines() -> None:
    spaced = "\n\n# a comment\n".join(STATEMENTS)
    assert repeat_count({"a.py": "\n".join(STATEMENTS), "b.py": spaced}) == 1
    assert repeat_count({"a.py": "\n".join(STATEMENTS[:5]), "b.py": spaced}) == 0


def test_imports_are_not_shared_lines() -> None:
    names = "".join(f"    name_{number},\n" for number in range(7))
    sources = dict.fromkeys(("a.py", "b.py"), f"from vendor import (\n{names})\n")
    assert repeat_count(sources) == 0
    assert repeat_count(sources, by_shape=True) == 0


def test_lines_with_other_names_have_the_same_shape() -> None:
    sources = {"a.py": "\n".join(STATEMENTS), "b.py": "\n".join(SAME_SHAPE)}
    assert repeat_count(sources) == 0
    assert repeat_count(sources, by_shape=True) == 1


def test_a_checkout_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(
            SystemExit, match=r"'no-such-name' is neither a folder nor a revision of git"
        ),
        checkout("no-such-name"),
    ):
        pass
    with pytest.raises(SystemExit, match=r"has no pyproject.toml"), checkout(str(tmp_path)):
        pass


def test_the_help_explains_the_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "a folder or a revision of git" in capsys.readouterr().out
