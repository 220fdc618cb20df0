"""The pages repeat what the code says, and each channel's page has what its reader needs."""

import re
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from deploy.pages.__main__ import out_of_date
from deploy.pages.blocks import fill, names
from deploy.pages.structs import duration, settings
from ingest.registry import CHANNELS, WEBHOOKS
from tests.support.paths import ROOT
from workers.actions.registry import ACTIONS

CHANNEL_PAGES = ROOT / "docs" / "channels"
SECTIONS = ["You need", "Five steps", "What arrives", "Limits", "When it fails", "Settings"]
ACCOUNTS = {f"channels.{name}": channel.account for name, channel in CHANNELS.items()} | {
    f"actions.{name}": action.account for name, action in ACTIONS.items()
}


def test_no_generated_table_is_out_of_date() -> None:
    assert out_of_date() == [], "run `python -m deploy.pages`"


def test_a_block_is_replaced_and_the_rest_of_a_page_stays() -> None:
    page = "a\n<!-- generated: x y -->\nold\n<!-- end -->\nb\n<!-- generated: z -->\n<!-- end -->\n"
    assert names(page) == ["x y", "z"]
    assert fill(page, lambda name: f"new {name}") == (
        "a\n<!-- generated: x y -->\nnew x y\n<!-- end -->\n"
        "b\n<!-- generated: z -->\nnew z\n<!-- end -->\n"
    )


@pytest.mark.parametrize("name", sorted(CHANNELS))
def test_a_channels_page_has_its_sections_and_five_steps(name: str) -> None:
    text = (CHANNEL_PAGES / f"{name}.md").read_text()
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [heading for heading in headings if heading in SECTIONS] == SECTIONS
    steps = text.partition("## Five steps\n")[2].partition("\n## ")[0]
    assert re.findall(r"^(\d)\. ", steps, re.MULTILINE) == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("name", sorted(CHANNELS))
def test_a_channels_page_has_every_generated_block(name: str) -> None:
    wanted = {"arrives", "failures", "settings"}
    if any(hook.channel == name for hook in WEBHOOKS.values()):
        wanted.add("setup")
    assert set(names((CHANNEL_PAGES / f"{name}.md").read_text())) == wanted


@pytest.mark.parametrize("path", sorted(ACCOUNTS))
def test_each_setting_of_an_account_has_a_sentence(path: str) -> None:
    assert [
        setting.name
        for setting in settings(ACCOUNTS[path])
        if not re.fullmatch(r"[A-Z].*\.", setting.meaning)
    ] == []


def test_a_nested_setting_has_its_tables_name_before_its_own() -> None:
    class Inner(msgspec.Struct, frozen=True):
        """An inner table."""

        size: int = 3

    class Outer(msgspec.Struct):
        inner: Inner = Inner()

    assert [(s.name, s.default, s.meaning, s.table) for s in settings(Outer)] == [
        ("inner", "", "An inner table.", True),
        ("inner.size", "3", "", False),
    ]


@pytest.mark.parametrize("text", ["90s", "5m", "4h", "2d", "0.5s"])
def test_a_time_is_shown_as_the_settings_file_takes_it(text: str) -> None:
    units = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
    assert duration(timedelta(seconds=float(text[:-1]) * units[text[-1]])) == text


def test_every_page_of_a_channel_is_of_a_channel() -> None:
    pages = {path.stem for path in Path(CHANNEL_PAGES).glob("*.md")}
    assert pages == {*CHANNELS, "index"}
