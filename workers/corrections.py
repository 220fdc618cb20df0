"""What people taught by their work: messages with the department they ended in.

Before: the store. After: `santral train --corrections`. A message that was moved by people, or
whose item was resolved where it lay, is a labelled line; what nobody looked at is none.
"""

from collections.abc import Iterator

import msgspec
from sqlalchemy import text

from runtime import store
from runtime.settings import Settings
from schemas.base import Record
from schemas.decision import TRIAGE

_SQL = """
SELECT m.body, d.department FROM messages m
JOIN decisions d ON d.message = m.id
WHERE d.hops = (SELECT max(x.hops) FROM decisions x WHERE x.message = m.id)
  AND d.department <> :triage AND d.action IN ('queue', 'triage')
  AND (d.hops > 0 OR EXISTS (SELECT 1 FROM outcomes o WHERE o.item = m.id AND o.kind = 'resolved'))
ORDER BY m.received_ms, m.id
"""


class _Said(Record, frozen=True, kw_only=True):
    text: str
    subject: str = ""


class _Line(Record, frozen=True, kw_only=True):
    text: str
    label: str


def lines(settings: Settings) -> Iterator[bytes]:
    """Yield a JSON line of `text` and `label` for each, the oldest first."""
    engine = store.engine(settings.store_url, read_only=True)
    with engine.connect() as connection:
        for body, department in connection.execute(text(_SQL), {"triage": TRIAGE}):
            said = msgspec.json.decode(body, type=_Said)
            whole = f"{said.subject}\n{said.text}" if said.subject else said.text
            yield msgspec.json.encode(_Line(text=whole, label=department))
    engine.dispose()
