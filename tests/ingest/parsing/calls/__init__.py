"""Tests of ingest/parsing/calls/."""
