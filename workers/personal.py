"""Personal numbers out of what people and programs are shown.

Before: the store and the desk have everything in the clear. After: pages and API. Who has the
right (`tokens.personal`) is shown the numbers, and every look is an Outcome `revealed`. Pure.
"""

from collections.abc import Mapping

import msgspec

from schemas.api import Item, MessageOut
from schemas.decision import Decision
from schemas.masking import mask_decision, mask_message, mask_outcome
from workers.reading import Story


def masked_item(item: Item) -> Item:
    """Return a claimed item masked; its decision is that of its newest message."""
    newest = item.messages[-1]
    return msgspec.structs.replace(
        item,
        messages=(
            *(mask_message(m) for m in item.messages[:-1]),
            mask_message(newest, item.decision),
        ),
        decision=mask_decision(item.decision, newest),
    )


def masked_message(found: MessageOut) -> MessageOut:
    """Return a message with its decision and outcomes masked."""
    decision = found.decision
    return MessageOut(
        message=mask_message(found.message, decision),
        decision=None if decision is None else mask_decision(decision, found.message),
        outcomes=tuple(mask_outcome(o) for o in found.outcomes),
    )


def masked_story(story: Story, decisions: Mapping[str, Decision]) -> Story:
    """Return a story masked; `decisions` are the newest on each message of the conversation."""
    return Story(
        message=mask_message(story.message, decisions.get(story.message.id)),
        decisions=tuple(mask_decision(d, story.message) for d in story.decisions),
        outcomes=tuple(mask_outcome(o) for o in story.outcomes),
        thread=tuple(mask_message(m, decisions.get(m.id)) for m in story.thread),
    )
