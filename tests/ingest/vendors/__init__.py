"""Tests of ingest/vendors/."""
