"""Mail of machines: bounces, absences, receipts and reports, each with its evidence.

It takes the mail of mime/. It gives the kind of the mail, and for a bounce the failed
recipient.
Read detection.py first, then bounce.py.
"""
