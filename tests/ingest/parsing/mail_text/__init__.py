"""Tests of ingest/parsing/mail_text/."""
