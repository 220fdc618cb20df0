"""Unpacks the text and the files of a winmail.dat, Outlook's own format. Never raises. Pure.

Source: [MS-OXTNEF]. tnefparse has the LGPL, so only this file imports it.
"""

import logging

from tnefparse import TNEF

from ingest.parsing.html.text import to_text
from ingest.parsing.letters.charset import decode

SIGNATURE = b"\x78\x9f\x3e\x22"
_MAX_FILES = 200  # the rest of a winmail.dat is left out

logging.getLogger("tnefparse").setLevel(
    logging.CRITICAL
)  # its warnings concern the sender's program


def unpack(data: bytes) -> tuple[str, list[tuple[str, bytes]]] | None:
    """Return the text and the named files of a winmail.dat, None when it cannot be read."""
    try:
        winmail = TNEF(data, do_checksum=False)
        body, html = winmail.body, winmail.htmlbody
        files = [
            (str(a.long_filename() or a.name or "attachment"), bytes(a.data))
            for a in winmail.attachments[:_MAX_FILES]
            if a.data
        ]
    except Exception:  # noqa: BLE001 - tnefparse raises anything for broken files; they stay attachments
        return None
    text = _text(body)
    if not text and html:
        text = to_text(_text(html))
    return text, files


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return decode(value)[0].replace("\r\n", "\n")
    return value.replace("\r\n", "\n") if isinstance(value, str) else ""
