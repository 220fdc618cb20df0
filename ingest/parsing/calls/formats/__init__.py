"""One file for each format of transcripts.

It takes a vendor's JSON, captions or plain text. It gives the transcript of ../transcript.py.
Read plain_text.py first.
"""
