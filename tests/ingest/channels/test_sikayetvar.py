"""sikayetvar: its sample for the contract; what it is asked and answers is in test_polled.py."""

import json

from tests import test_polled as polled

SAMPLE = json.dumps(polled.SAMPLES["sikayetvar"]).encode()
