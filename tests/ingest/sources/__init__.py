"""Tests of ingest/sources/."""
