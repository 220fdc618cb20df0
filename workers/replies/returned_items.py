"""Adds the answered item to the outcome of a reply that could not be delivered. Pure.

The router returns the item to its department. sender/writer.py uses it for a refused reply, and
bounces.py for a mail that came back.
"""

import msgspec

from schemas.decision import WorkItem
from schemas.outcome import Outcome


def with_returned(outcome: Outcome, work: WorkItem) -> Outcome:
    """Return the outcome with the item that comes back, at the hops at which it was answered."""
    return msgspec.structs.replace(
        outcome,
        messages=(work.message.id,),
        hops=work.decision.hops,
        message_hops=(work.decision.hops,),
        moved=work,
        to=work.decision.department,
    )
