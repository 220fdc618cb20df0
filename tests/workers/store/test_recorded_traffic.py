"""The store gives the messages that people checked, with the department they chose."""

import json

from tests.support.router.backtest import TEXTS, RecordTraffic, record_traffic, traffic
from workers.store.recorded_traffic import labelled_lines

__all__ = ["record_traffic"]


def test_messages_that_people_moved_or_resolved_are_labelled(
    record_traffic: RecordTraffic,
) -> None:
    settings = record_traffic(traffic())
    assert [json.loads(line) for line in labelled_lines(settings)] == [
        {"text": TEXTS["1"], "label": "billing"},
        {"text": TEXTS["4"], "label": "sales"},
    ]
