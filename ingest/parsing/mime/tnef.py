"""winmail.dat -> the text and the files in it. Never raises. Pure.

Before: parser.py met Outlook's own wrapping. After: its files stand among the mail's, its text
where the mail has none. Source: [MS-OXTNEF]. tnefparse is LGPL: this is the only file that imports
it.
"""

import logging

from tnefparse import TNEF

from ingest.parsing.html.text import to_text
from ingest.parsing.letters.charset import decode

SIGNATURE = b"\x78\x9f\x3e\x22"
_LIMIT = 200  # files of one winmail.dat

logging.getLogger("tnefparse").setLevel(logging.CRITICAL)  # what it finds odd is the sender's


def expand(data: bytes) -> tuple[str, list[tuple[str, bytes]]] | None:
    """Return the text and the named files in a winmail.dat; None when it can't be opened."""
    try:
        found = TNEF(data, do_checksum=False)
        body, html = found.body, found.htmlbody
        files = [
            (str(a.long_filename() or a.name or "attachment"), bytes(a.data))
            for a in found.attachments[:_LIMIT]
            if a.data
        ]
    except Exception:  # noqa: BLE001 - broken ones fail in every way: it stays an attachment
        return None
    text = _text(body)
    if not text and html:
        text = to_text(_text(html))
    return text, files


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return decode(value)[0].replace("\r\n", "\n")
    return value.replace("\r\n", "\n") if isinstance(value, str) else ""
