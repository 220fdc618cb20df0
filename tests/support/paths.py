"""Where the repository and Kafka's pinned jars are."""

import os
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
JARS = Path(os.environ.get("SANTRAL_JARS") or ROOT / ".cache" / "kafka" / "jars")
