"""Measures the work behind the doors: decisions, the router, latency, the desk and the recorder.

Each module starts what it measures and returns figures beside a baseline of the same run. Read
router.py first.
"""
