"""Transcripts of telephone calls -> one shape, and who of the speakers is the customer.

It takes the bytes of a transcript in any known format. It gives a transcript with its turns,
and the role of each speaker.
Read transcript.py first, then detection.py.
"""
