"""The context of a source that runs in a test, without ingest around it."""

import asyncio
from datetime import datetime

from ingest.source import SourceContext


def source_context(now: datetime) -> SourceContext:
    """Return a context whose time never passes, and which drops every report."""
    return SourceContext(
        now=lambda: now,
        pause=asyncio.sleep,
        warn=lambda *_words, **_fields: None,
        report_pass=lambda _source: None,
    )
