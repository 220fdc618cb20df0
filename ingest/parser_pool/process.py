"""One process of the parser pool: `python -m ingest.parser_process PARENT CPU_S MEMORY_MB`.

Before: parser_pool.py starts it. After: parser_worker.py answers its tasks with the channels' own
parsers.
"""

import sys

from ingest.parser_worker import serve
from ingest.registry import CHANNELS

if __name__ == "__main__":
    serve(CHANNELS, sys.argv[1:])
