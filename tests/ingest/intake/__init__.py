"""Tests of ingest/intake/."""
