"""`santral parse` on files."""

import json
from pathlib import Path

from click.testing import CliRunner

from cli.main import main


def test_parse_gives_a_line_for_each_file(tmp_path: Path) -> None:
    mail, empty = tmp_path / "a.eml", tmp_path / "b.eml"
    mail.write_bytes(b"From: a@b.example\nSubject: x\n\nmetin")
    empty.write_bytes(b"\n")
    output = CliRunner().invoke(main, ["parse", "email", str(mail), str(empty)]).output
    parsed, refused = (json.loads(line) for line in output.splitlines())
    assert parsed["text"] == "metin"
    assert refused["rejected"] == "mime.empty"


def test_parse_names_a_channel_that_does_not_exist(tmp_path: Path) -> None:
    mail = tmp_path / "a.eml"
    mail.write_bytes(b"\n")
    output = CliRunner().invoke(main, ["parse", "pigeon", str(mail)]).output
    assert "no channel 'pigeon'" in output
