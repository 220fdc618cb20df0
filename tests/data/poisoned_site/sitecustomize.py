"""Poisons the router of a test: on its PYTHONPATH a rule, a pattern and a model raise on a word.

Python imports this module at its start. Nothing of it is in the product.
"""

import sys

RULE, PATTERN, MODEL = "zehirkural", "zehirdesen", "zehirmodel"

if "router" in sys.orig_argv:
    from router.decision import decide
    from router.text.rules import Pack

    whole_hits, whole_entities, whole_readings = Pack.hits, decide.entities, decide.readings

    def hits(self, text, folded, words=None):  # type: ignore[no-untyped-def]
        """Fire the rules, of which one is poisoned."""
        if RULE in folded:
            raise KeyError(RULE)
        return whole_hits(self, text, folded, words)

    def entities(text, folded, patterns=()):  # type: ignore[no-untyped-def]
        """Find the entities, by patterns of which one is poisoned."""
        if PATTERN in folded:
            raise KeyError(PATTERN)
        return whole_entities(text, folded, patterns)

    def readings(batch, policy):  # type: ignore[no-untyped-def]
        """Read a batch, as if by a model that raises on one of its texts."""
        if any(MODEL in message.text for message in batch):
            raise ZeroDivisionError(MODEL)
        return whole_readings(batch, policy)

    decide.readings = readings
    Pack.hits = hits  # type: ignore[method-assign]
    decide.entities = entities
