"""Mail of machines, such as bounces, absences, receipts and reports, each with its evidence.

It takes a Mail of mime/. It gives the kind of the mail, and for a bounce the failed recipients.
Read detection.py first, then bounce.py.
"""
