"""A trial parses a file without the vendor."""

import json

from cli.offline.trial import Trial
from runtime.settings.structs import Settings
from tests.support.transcription import (
    ASSEMBLYAI_NOTICE,
)


def test_a_trial_of_a_notice_fetches_nothing() -> None:
    tables = {"phone": {"default": {"assemblyai": {"key": "k"}}}}
    (line,) = Trial(Settings(channels=tables), "phone", "default").run("a.json", ASSEMBLYAI_NOTICE)
    assert json.loads(line)["rejected"] == "notice.bare"
