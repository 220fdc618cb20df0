"""Tests of ingest/parsing/."""
