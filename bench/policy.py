"""The policy of every measurement: the default rules and departments, and no model."""

from router.decision.policy import Policy
from router.text import pack_files
from schemas.routing.departments import DEFAULT


def policy() -> Policy:
    """The default rules."""
    return Policy(
        pack=pack_files.read_pack(pack_files.PACKS / "default"),
        threshold=0.5,
        departments=dict(DEFAULT),
    )
