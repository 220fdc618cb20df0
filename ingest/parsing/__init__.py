"""Pure parsers: outside bytes -> values. No await, clock, network or log.

It takes bytes as vendors, mail programs and people write them. It gives texts, times, files,
mails and calls; Rejected where nothing can be read.
Read mail/message.py first, then json_values.py.
"""
