"""Tests of ingest/parser_pool/."""
