"""The kinds of addresses of the archive, and the mistakes in one.

load.py refuses a wrong `[archive] url`, and runtime/archive/opening.py opens a right one. Pure.
"""

import re

from runtime.log import redacted_url
from schemas.errors import Problem

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):")
_FILE = re.compile(r"^file:///[^/]")
_BUCKET = re.compile(r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^?#]*)?$")
_FORMS = "Write a folder's path, file:///PATH or s3://BUCKET/PREFIX."


def archive_problems(url: str) -> list[Problem]:
    """Return what is wrong with the address of an archive, with what to write instead."""
    scheme = _SCHEME.match(url)
    if scheme is None or _FILE.match(url) or _BUCKET.match(url):
        return []
    shown = redacted_url(url)
    if scheme[1] in ("file", "s3"):
        return [Problem(f"[archive] url: {shown!r} is not complete. {_FORMS}")]
    return [Problem(f"[archive] url: {shown!r} has an unknown scheme {scheme[1]!r}. {_FORMS}")]
