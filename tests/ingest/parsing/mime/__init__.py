"""Tests of ingest/parsing/mime/."""
