"""reddit: its sample for the contract; what it is asked and answers is in sources/test_polling.py."""

import json

from tests.ingest.sources import test_polling as polled

SAMPLE = json.dumps(polled.SAMPLES["reddit"]).encode()
