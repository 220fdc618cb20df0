"""Tests of ingest/door/."""
