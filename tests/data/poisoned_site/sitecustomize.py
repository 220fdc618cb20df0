"""Poisons the router of a test: on its PYTHONPATH a rule, a pattern and a model raise on a word.

Python imports this module at its start. Nothing of it is in the product.
"""

import sys

RULE, PATTERN, MODEL = "zehirkural", "zehirdesen", "zehirmodel"

if "router" in sys.orig_argv:
    # The modules that import `analyse` and `find_entities` by name come after the replacements.
    from router.decision import analysis
    from router.text import entities
    from router.text.rules import Pack

    healthy_match, healthy_find_entities = Pack.match, entities.find_entities
    healthy_analyse = analysis.analyse

    def match(self, text, folded, words=None):  # type: ignore[no-untyped-def]
        """Fire the rules, of which one is poisoned."""
        if RULE in folded:
            raise KeyError(RULE)
        return healthy_match(self, text, folded, words)

    def find_entities(text, folded, patterns=()):  # type: ignore[no-untyped-def]
        """Find the entities, by patterns of which one is poisoned."""
        if PATTERN in folded:
            raise KeyError(PATTERN)
        return healthy_find_entities(text, folded, patterns)

    def analyse(batch, policy):  # type: ignore[no-untyped-def]
        """Analyse a batch, as if by a model that raises on one of its texts."""
        if any(MODEL in message.text for message in batch):
            raise ZeroDivisionError(MODEL)
        return healthy_analyse(batch, policy)

    analysis.analyse = analyse
    Pack.match = match  # type: ignore[method-assign]
    entities.find_entities = find_entities
