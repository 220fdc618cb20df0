"""The probe of Kafka pauses between its attempts while a broker is away."""

import resource

import pytest

from runtime.settings.structs import KafkaSettings
from runtime.stage.probes import kafka_probe
from schemas.errors import Unavailable
from tests.support.brokers.broker_double import brokers

MAX_SWITCHES = 20_000
"""The switches of threads in a probe of 4 seconds. A client that pauses between its attempts needs
some hundred; without pauses it is more than a million, and 70,000 on a busy machine."""


def _switches() -> int:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_nvcsw + usage.ru_nivcsw


@pytest.mark.slow  # it waits for a probe's limit of time
def test_a_probe_pauses_between_its_attempts_to_reach_the_controller() -> None:
    with brokers(2, controller=2) as (first, controller):
        probe = kafka_probe(KafkaSettings(bootstrap=f"127.0.0.1:{first.port}"))
        probe()
        controller.leave()
        before = _switches()
        with pytest.raises(Unavailable):  # either of two calls may notice it first
            probe()
        assert _switches() - before < MAX_SWITCHES
