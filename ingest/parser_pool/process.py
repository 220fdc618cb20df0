"""One process of the parser pool: `python -m ingest.parser_pool.process PARENT CPU_S MEMORY_MB`.

pool.py starts it, and worker.py answers its tasks with the channels' own parsers.
"""

import sys

from ingest.parser_pool.worker import serve
from ingest.registry import CHANNELS

if __name__ == "__main__":
    serve(CHANNELS, sys.argv[1:])
