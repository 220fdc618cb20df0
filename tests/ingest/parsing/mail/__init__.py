"""Tests of ingest/parsing/mail/."""
