"""Transcripts of telephone calls in one common form, with the role of each speaker.

It takes the bytes of a transcript in any known format. It gives a transcript with utterances
and their roles.
Read transcript.py first, then detection.py.
"""
