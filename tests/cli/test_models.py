"""The commands train and evaluate: a model from lines, its figures, and their mistakes."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from router.models import model_file
from tests.support.router.meaning_lines import FOOD, LABELLED, WEAR, embedding_model
from tests.support.router.trained_models import department_lines, encode_lines

pytestmark = pytest.mark.slow  # a model is trained

TRAIN = ("train", "data.jsonl", "--task", "department", "--out", "out/m.model")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the labelled lines of three departments."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SANTRAL_HOME", str(tmp_path / "var"))
    (tmp_path / "data.jsonl").write_bytes(b"\n".join(department_lines()))
    return tmp_path


def _run(*arguments: str, stdin: str = "") -> Result:
    environ = {"LC_ALL": "C.UTF-8"}
    return CliRunner().invoke(main, list(arguments), input=stdin, env=environ)


@pytest.mark.usefixtures("home")
def test_train_prints_the_head_and_evaluate_the_report() -> None:
    trained = _run(*TRAIN)
    assert trained.exit_code == 0, trained.output
    assert json.loads(trained.stdout)["figures"]["accuracy"] > 0.9
    assert "accuracy" in trained.stderr
    judged = _run("evaluate", "data.jsonl", "--task", "department", "--model", "out/m.model")
    assert judged.exit_code == 0, judged.output
    assert json.loads(judged.stdout)["accuracy"] > 0.95
    assert "microseconds a message" in judged.stderr
    other_task = _run("evaluate", "data.jsonl", "--task", "intent", "--model", "out/m.model")
    assert other_task.exit_code == 2
    assert "its task is department" in other_task.stderr


@pytest.mark.usefixtures("home")
def test_train_and_evaluate_print_their_sentences_in_turkish() -> None:
    trained = _run(*TRAIN, "--lang", "tr")
    assert "Model out/m.model dosyasına yazıldı" in trained.stderr
    assert "çoğunluk sınıfı %" in trained.stderr
    command = ["evaluate", "data.jsonl", "--task", "department", "--model", "out/m.model"]
    judged = _run(*command, "--lang", "tr")
    assert "ileti başına" in judged.stderr
    assert "Etiket" in judged.stderr
    assert json.loads(judged.stdout)["accuracy"] > 0.95


@pytest.mark.usefixtures("home")
def test_decide_uses_the_model() -> None:
    assert _run(*TRAIN).exit_code == 0
    texts = ("faturam yüksek", "modem yavaş", "iade")
    stdin = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    decided = _run("decide", "--model", "out/m.model", stdin=stdin)
    departments = [json.loads(line)["department"] for line in decided.stdout.splitlines()]
    assert departments == ["billing", "technical", "returns"]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("train --task department --out x", "give DATA or --corrections"),
        ("train --task intent --out x --corrections", "--task department"),
        ("evaluate data.jsonl --task intent --model no.model", "can't be read"),
        ("decide --model data.jsonl", "is not a model"),
    ],
)
def test_a_mistake_is_explained(command: str, words: str) -> None:
    result = _run(*command.split(), stdin='{"text": "iade"}\n')
    assert result.exit_code == 2
    assert words in result.stderr


def test_train_says_that_a_second_look_does_not_help(home: Path) -> None:
    (home / "words.jsonl").write_bytes(b"\n".join(encode_lines(LABELLED)))
    trained = _run("train", "words.jsonl", "--task", "intent", "--out", "w.model", "--second-look")
    assert trained.exit_code == 0, trained.output
    # One line in twenty is too few here to show that it helps.
    assert "A second look did not improve the accuracy" in trained.stderr
    assert json.loads(trained.stdout)["second"] is None


def test_decide_uses_a_model_with_a_second_look(home: Path) -> None:
    model_file.save(home / "w.model", embedding_model())
    decided = _run("decide", "--model", "w.model", stdin='{"text": "zz"}\n')
    assert decided.exit_code == 0, decided.output


def test_train_counts_the_lines_of_a_teacher(home: Path) -> None:
    learned = [pair for number, pair in enumerate(LABELLED) if number % 4]
    pairs = [f"{a} {b}" for words in (FOOD, WEAR) for a, b in pairwise(words)]
    (home / "learned.jsonl").write_bytes(b"\n".join(encode_lines(learned)))
    (home / "bare.jsonl").write_bytes(b"\n".join(encode_lines((text, None) for text in pairs)))
    command = "train learned.jsonl --task intent --out m.model --unlabelled bare.jsonl"
    trained = _run(*command.split())
    assert trained.exit_code == 0, trained.output
    assert f"of {len(pairs)} lines without a label" in trained.stderr
    assert model_file.load(home / "m.model").head.taught > 0
