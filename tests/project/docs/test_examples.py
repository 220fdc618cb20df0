"""Every example in README.md, CONTRIBUTING.md and docs/ works."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from cli.main import main
from ingest import registry as ways_in
from router.text import pack_files, rule_checks
from router.text.customer_priority import load_customer_priorities
from runtime.settings import load
from tests.support.paths import ROOT
from tests.support.programs import require_program
from tests.support.project.examples import DocsExample, commands, examples, pages, read
from tests.support.servers.local_profile import LocalProfile
from workers.actions import registry as ways_out

KINDS = {"sh", "toml", "json", "csv", "sql", "text"}


def test_a_new_example_is_tried_unless_it_says_why_not() -> None:
    text = "<!-- example: not run, needs a vendor -->\n```sh\na\n```\n\n 1. x\n\n    ```sh\n    b\n    ```\n"
    assert [(e.how, e.text, e.line) for e in read(text, "x.md")] == [
        ("not run", "a", 1),
        ("run", "b", 8),
    ]


def test_every_block_says_its_language() -> None:
    for page in pages():
        for example in read(page.read_text(), page.name):
            figure = not example.kind and not re.search(r"^\s*(santral|make|curl)\b", example.text)
            assert example.kind in KINDS or figure, example.location


@pytest.mark.parametrize("example", examples("toml", "json", "csv"), ids=lambda e: e.location)
def test_the_program_reads_the_files_of_the_examples(example: DocsExample, tmp_path: Path) -> None:
    path = tmp_path / f"example.{example.kind}"
    path.write_text(example.text + "\n")
    if example.kind == "json":
        json.loads(example.text)
    elif example.kind == "csv":
        assert load_customer_priorities(path).by_handle
    elif "[[rule]]" in example.text:
        head = "" if "department" in tomllib.loads(example.text) else 'department = "billing"\n'
        path.write_text(head + example.text)
        assert rule_checks.failing_samples(pack_files.read_pack(tmp_path)) == []
    else:
        load.load(path, {}, ways_in.sections() | ways_out.sections())


@pytest.mark.parametrize("page,command", commands())
def test_a_command_in_a_line_and_its_options_exist(page: str, command: str) -> None:
    named: click.Command = main
    for word in shlex.split(command.replace("…", ""))[1:]:
        if word in ("|", ">"):
            break
        if word.startswith("--"):
            options = {name for param in named.params for name in param.opts} | {"--help"}
            assert word.partition("=")[0] in options, f"{page}: `{command}`"
        elif isinstance(named, click.Group):
            names = word.split("|")
            assert set(names) <= set(named.commands), f"{page}: `{command}`"
            named = named.commands[names[0]]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the examples expect it: samples, labelled lines, rules to try."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "docs").symlink_to(ROOT / "docs")
    (folder / "models").mkdir()
    shutil.copytree(pack_files.PACKS / "default", folder / "rules-next")
    texts = {
        "billing": [
            "Faturam neden bu kadar yüksek",
            "Fazla ücret yansıtmışsınız",
            "Son ödeme günü ne",
        ],
        "orders": ["Kargom nerede kaldı", "Siparişim hâlâ gelmedi", "Paketim ne zaman gelir"],
    }
    lines = [
        json.dumps({"text": f"{text} {number}", "label": label})
        for label, some in texts.items()
        for number, text in enumerate(some * 5)
    ]
    for name in ("labels.jsonl", "held-out.jsonl", "lines.jsonl"):
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("example", examples("sh"), ids=lambda e: e.location)
def test_the_shell_examples_run(example: DocsExample, road: LocalProfile, desk: Path) -> None:
    for program in ("bash", "curl", "jq"):
        require_program(shutil.which(program), program)
    path = f"{Path(sys.executable).parent}:{road.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", example.text],
        cwd=desk,
        text=True,
        capture_output=True,
        env={**road.environ, "PATH": path},
        check=False,
        timeout=120,
    )
    assert result.returncode in ({0, 1} if example.how == "may exit 1" else {0}), result.stderr
    assert result.stdout.strip(), "an example shows something"
    assert '"error"' not in result.stdout
    assert "Traceback" not in result.stderr
