"""Tests of ingest/parsing/letters/."""
