"""A folder of rules: every mistake in its files is named."""

from pathlib import Path

import pytest

from router.text import pack_files
from schemas.errors import ConfigError


def test_a_broken_pack_reports_all_its_mistakes_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(
        '[[rule]]\nid="a.b"\nany=["x"]\nnome=["y"]\ntr=""\nen=""\nmatch=[]\nno_match=[]\n'
        '[[rule]]\nid="A"\nany=["x"]\ntr=""\nen=""\nmatch=[]\nno_match=[]\n'
        '[[rule]]\nid="c.d"\ntr=""\nen=""\nmatch=[]\nno_match=[]\n'
    )
    (tmp_path / "b.toml").write_text("[[rule\n")
    with pytest.raises(ConfigError) as error:
        pack_files.read_pack(tmp_path)
    text = str(error.value)
    assert "nome" in text
    assert "'A'" in text
    assert "neither `any` nor `all`" in text
    assert "b.toml" in text


def test_a_folder_without_rules_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no rules there"):
        pack_files.read_pack(tmp_path)
