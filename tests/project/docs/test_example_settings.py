"""The example of the settings file is valid."""

from ingest import registry as channels
from runtime.settings.load import load
from tests.support.paths import ROOT
from workers.actions import registry as actions


def test_the_example_file_is_valid() -> None:
    sections = channels.sections() | actions.sections()
    settings = load(ROOT / "santral.example.toml", {}, sections)
    assert settings.channel_accounts("email")["destek"]["host"] == "imap.example.com"
