"""`santral check` on departments of one's own."""

from pathlib import Path

from click.testing import CliRunner

from cli.main import main

OWN = """
[departments.billing]
title_tr = "Fatura"
title_en = "Billing"
[departments.triage]
title_tr = "Ön Değerlendirme"
title_en = "Triage"
"""


def check(folder: Path, text: str) -> tuple[int, list[str]]:
    """Check settings offline; return the exit code and the lines."""
    file = folder / "santral.toml"
    file.write_text(text)
    result = CliRunner().invoke(main, ["--config", str(file), "check", "--offline"])
    return result.exit_code, result.output.splitlines()


def test_own_departments_replace_the_default_ones_and_one_line_says_so(tmp_path: Path) -> None:
    code, lines = check(tmp_path, OWN)
    assert code == 0
    (note,) = [line for line in lines if "replaces the default departments" in line]
    assert "orders" in note
    assert "billing" not in note
    assert "[departments.NAME]" in note
    assert lines[-1] == "everything is as it should be"


def test_default_departments_get_no_such_line(tmp_path: Path) -> None:
    code, lines = check(tmp_path, "")
    assert code == 0
    assert not [line for line in lines if "replaces" in line]


def test_an_own_pack_that_names_an_unknown_department_is_wrong(tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "one.toml").write_text(
        '[[rule]]\nid = "own.sale"\ndepartment = "sales"\nany = ["kampanya*"]\n'
        'tr = "t"\nen = "e"\nmatch = ["kampanya"]\nno_match = ["x"]\n'
    )
    code, lines = check(tmp_path, f'{OWN}\n[router]\npack = "{pack}"\n')
    assert code == 2
    assert [line for line in lines if "no department 'sales' in [departments]" in line]


def test_settings_without_a_file_are_right() -> None:
    assert CliRunner().invoke(main, ["check", "--offline"]).exit_code == 0


def test_a_misspelt_table_is_named_with_the_right_name(tmp_path: Path) -> None:
    code, lines = check(tmp_path, "[kafak]\nx = 1\n")
    assert code == 2
    assert any("Did you mean 'kafka'?" in line for line in lines)
