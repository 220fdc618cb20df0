"""Poisons the router of a test: on its PYTHONPATH, one rule and one pattern raise on a word.

Python imports this module at its start. Nothing of it is in the product.
"""

import sys

RULE, PATTERN = "zehirkural", "zehirdesen"

if "router" in sys.orig_argv:
    from router import decide
    from router.rules import Pack

    whole_hits, whole_entities = Pack.hits, decide.entities

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

    Pack.hits = hits  # type: ignore[method-assign]
    decide.entities = entities
