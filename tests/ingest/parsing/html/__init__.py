"""Tests of ingest/parsing/html/."""
