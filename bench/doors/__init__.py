"""Measures the doors: requests, vendors' calls, mails, sockets, floods and hostile senders.

Each module starts a door or a stage of its own and sends load to it. It returns figures beside a
baseline of the same run. Read door.py first.
"""
