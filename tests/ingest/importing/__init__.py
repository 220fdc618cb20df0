"""Tests of ingest/importing/."""
