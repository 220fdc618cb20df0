"""Tests of ingest/parsing/automail/."""
