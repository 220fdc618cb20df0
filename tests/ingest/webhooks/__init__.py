"""Tests of ingest/webhooks/."""
