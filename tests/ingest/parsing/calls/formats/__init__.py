"""Tests of ingest/parsing/calls/formats/."""
