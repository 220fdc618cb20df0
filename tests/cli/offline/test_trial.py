"""A trial parses a file without its vendor."""

import json

import pytest

from cli.offline.trial import Trial
from ingest.registry import CHANNELS
from runtime.settings.structs import Settings
from tests.support.ingest.transcription import ASSEMBLYAI_NOTICE
from tests.support.samples.registry import SAMPLES, SECRET_WORD


@pytest.mark.parametrize("name", CHANNELS)
def test_a_trial_reads_the_payload_of_each_channel(name: str) -> None:
    sample = SAMPLES[name]
    settings = Settings(channels={name: {"default": sample.manifest.account}})
    (line,) = Trial(settings, name, "default").run(sample.manifest.file, sample.payload)
    message = json.loads(line)
    assert SECRET_WORD in message["text"]
    assert message["channel"] == name


def test_a_trial_of_a_notice_fetches_nothing() -> None:
    tables = {"phone": {"default": {"assemblyai": {"key": "k"}}}}
    trial = Trial(Settings(channels=tables), "phone", "default")
    (line,) = trial.run("a.json", ASSEMBLYAI_NOTICE)
    assert json.loads(line)["rejected"] == "notice.bare"
