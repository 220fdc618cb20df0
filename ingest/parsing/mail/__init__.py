"""A parsed mail -> the Message that it is.

It takes the mail of mime/. It gives its author, subject, conversation and own words as a
Message, also of a forwarded mail; for a mail that no parser reads, a Message of its headers.
Read message.py first.
"""
