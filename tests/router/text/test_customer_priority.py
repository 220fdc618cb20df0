"""The table of customers that a brand serves first."""

from pathlib import Path

import msgspec
import pytest

from router.policy_settings import build_policy
from router.text.customer_priority import load_customer_priorities
from runtime.settings.structs import Settings
from schemas.errors import ConfigError


def test_a_broken_table_reports_all_its_mistakes_at_once(tmp_path: Path) -> None:
    table = tmp_path / "standing.csv"
    with pytest.raises(ConfigError, match=r"standing\.csv"):
        load_customer_priorities(table)
    table.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_customer_priorities(table)
    table.write_text("who,points\n")
    with pytest.raises(ConfigError, match="first line"):
        load_customer_priorities(table)
    table.write_text("handle,standing,points\na,b,99\n,b,1\na,b,x\na,b\n")
    with pytest.raises(ConfigError) as error:
        load_customer_priorities(table)
    assert [p.split(":")[1] for p in error.value.problems] == [f" line {n}" for n in (2, 3, 4, 5)]
    settings = Settings(router=msgspec.structs.replace(Settings().router, standing=str(table)))
    with pytest.raises(ConfigError):
        build_policy(settings)
