"""Transcripts of telephone calls, of every vendor, as one shape. Pure."""
