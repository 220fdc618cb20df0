"""The Message of a mail that mime/ has parsed.

It takes a Mail, and the SMTP envelope that a door knows. It gives a Message with author, subject,
conversation and own words; for a mail that no parser can read, a Message of its headers.
Read message.py first.
"""
