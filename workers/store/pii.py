"""Masks personal numbers in the records that people and programs see. Pure.

The store and the desk hold the records unmasked. Authorised people unmask them with the token
`tokens.personal`, and each view is an Outcome `revealed`.
"""

from collections.abc import Mapping

import msgspec

from schemas.decision import Decision
from schemas.http_api.bodies import Item, MessageOut
from schemas.text.masking import mask_decision, mask_message, mask_outcome
from workers.store.queries import MessageStory


def masked_item(item: Item) -> Item:
    """Return a claimed item masked, with the decision on its newest message."""
    newest = item.messages[-1]
    return msgspec.structs.replace(
        item,
        messages=(
            *(mask_message(m) for m in item.messages[:-1]),
            mask_message(newest, item.decision),
        ),
        decision=mask_decision(item.decision, newest),
    )


def masked_message(answer: MessageOut) -> MessageOut:
    """Return a message with its decision and outcomes masked."""
    decision = answer.decision
    return MessageOut(
        message=mask_message(answer.message, decision),
        decision=None if decision is None else mask_decision(decision, answer.message),
        outcomes=tuple(mask_outcome(o) for o in answer.outcomes),
    )


def masked_story(story: MessageStory, decisions: Mapping[str, Decision]) -> MessageStory:
    """Return a story masked; `decisions` are the newest on each message of the conversation."""
    return MessageStory(
        message=mask_message(story.message, decisions.get(story.message.id)),
        decisions=tuple(mask_decision(d, story.message) for d in story.decisions),
        outcomes=tuple(mask_outcome(o) for o in story.outcomes),
        thread=tuple(mask_message(m, decisions.get(m.id)) for m in story.thread),
    )
