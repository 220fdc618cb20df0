"""How long a Retry waits, by its cause. Seconds.

A vendor's own Retry-After comes before these (schemas/errors.py, retry_after). Pure.
"""

NEIGHBOUR_S = 2
"""Kafka, Redis or a process of ours is away: it is back within seconds."""

RECONNECT_S = 5
"""A connection ended: the next try opens another."""

OUTAGE_S = 15
"""A system outside is out of reach."""

RECOVERY_S = 30
"""The archive, a disk or a server fails: a quick try would add to its load."""

BUSY_S = 60
"""A system answers, but its answer is of no use yet."""

ACCOUNT_PROBLEM_S = 300
"""A person must renew a token or a key."""

SETUP_PROBLEM_S = 600
"""A person must change the settings, here or at the vendor."""

QUOTA_S = 3600
"""The vendor's quota of the day is used up."""
