"""`santral decide` and `santral explain` on texts."""

import json
from pathlib import Path

from click.testing import CliRunner

from cli.main import main

LINES = [
    {"text": "Faturam yanlış", "conversation": "c", "id": "1"},
    {"text": "tamam", "conversation": "c", "id": "2"},
    {"text": "Faturam yanlış", "conversation": "c", "id": "1"},
    {"text": "selam", "subject": "Kargom nerede"},
]


def test_decide_answers_each_line_in_order_with_the_state_of_its_conversation() -> None:
    lines = "\n".join(json.dumps(line) for line in LINES)
    first, second = (CliRunner().invoke(main, ["decide"], input=lines) for _ in range(2))
    assert first.exit_code == 0, first.output
    assert first.output == second.output
    decisions = [json.loads(line) for line in first.output.splitlines()]
    assert [d["action"] for d in decisions] == ["queue", "append", "repeat", "queue"]
    assert [d["department"] for d in decisions] == ["billing", "billing", "billing", "orders"]


def test_decide_names_the_line_that_is_not_json() -> None:
    assert "line 1" in CliRunner().invoke(main, ["decide"], input="{").output


def test_decide_refuses_an_unknown_key() -> None:
    assert CliRunner().invoke(main, ["decide"], input='{"txt": "x"}').exit_code == 2


def test_explain_says_in_a_sentence_which_rule_matched(tmp_path: Path) -> None:
    text = tmp_path / "t.txt"
    text.write_text("Faturam çok yüksek", encoding="utf-8")
    output = CliRunner().invoke(main, ["explain", str(text), "--lang", "tr"]).output
    assert "faturadan söz ediyor" in output
